// SPDX-License-Identifier: Apache-2.0
/** The project's own files as the rules see them: paths, texts, imports, exports. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Where the project is. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Everything that is or would be committed, as paths from the root. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)));

/** A file's text. */
export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Whether a file holds tests or serves only them. */
export function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts');
}

/** The TypeScript we wrote; `api/gen` is generated. */
export const sources = files.filter(
  (path) => path.endsWith('.ts') && !path.startsWith('api/gen/') && !path.endsWith('.d.ts'),
);

/** One `import` or `export ... from`, static or dynamic. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The file from the root, if it is ours. */
  readonly path: string | undefined;
  /** It is gone at run time. */
  readonly typeOnly: boolean;
}

const parsed = new Map<string, ts.SourceFile>();

/** A source as the compiler sees it. */
export function syntaxOf(path: string): ts.SourceFile {
  let file = parsed.get(path);
  if (file === undefined) {
    file = ts.createSourceFile(path, textOf(path), ts.ScriptTarget.ES2022, true);
    parsed.set(path, file);
  }
  return file;
}

/** Everything a source imports. */
export function importsOf(path: string): Import[] {
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const { text } = specifier;
    const ours = text.startsWith('.') ? normalize(join(dirname(path), text)) : undefined;
    imports.push({ specifier: text, path: ours?.replace(/\.js$/, '.ts'), typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(syntaxOf(path));
  return imports;
}

/** The names a source exports by declaring them, and whether each has a comment of its own. */
export function exportsOf(path: string): { name: string; documented: boolean }[] {
  const file = syntaxOf(path);
  return file.statements.flatMap((statement) => {
    if (!ts.canHaveModifiers(statement)) return [];
    const modifiers = ts.getModifiers(statement) ?? [];
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    const documented = ts.getJSDocCommentsAndTags(statement).length > 0;
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map((declaration) => ({
        name: declaration.name.getText(file),
        documented,
      }));
    }
    const { name } = statement as ts.Statement & { name?: ts.Node };
    return [{ name: name?.getText(file) ?? '?', documented }];
  });
}
