// SPDX-License-Identifier: Apache-2.0
/** `wanwire envoy`: a policy's http rules as an Envoy's configuration, and Istio's rules as a policy's. */
import { Command, Option } from 'commander';
import { collectPairs, type EnvoyCommandOptions, envoyCommand } from './envoy/command.js';
import { envoyTable } from './envoy/find.js';
import { answer } from './plane/answer.js';
import { environmentHelp } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  const envoy = new Command('envoy').description(
    'Configuration of an Envoy sidecar that puts each request on its WAN link: one cluster for each class, bound to ' +
      "the class's wire, and the policy's http rules as routes. Or, with --from, the http rules that Istio's routes " +
      'are. docs/envoy.md tells both.',
  );
  const several = (text: string, before: readonly string[] = []) => [...before, text];
  envoy
    .option('-f, --policy <file>', 'a file with the policy; may be given several times', several)
    .option('--service <name>', 'the service; its clusters are called NAME|CLASS')
    .option('--upstream <host:port>', 'where the service is; for istio its name in the mesh')
    .option('--listen <address:port>', 'where Envoy listens (127.0.0.1:15001)')
    .option(
      '--network-services <list>',
      "the pod's annotation: which interface is of which class; NSM_NETWORK_SERVICES where not given",
    )
    .addOption(
      new Option('--by <way>', 'how a connection is put on its wire (device)').choices([
        'device',
        'source',
        'dscp',
      ]),
    )
    .option(
      '--source <class=address>',
      "by source: the address of a class's wire; the interface's own here where not given",
      collectPairs,
    )
    .option(
      '--access-log <place>',
      'HOST:PORT or unix:PATH of a gRPC access-log service such as `wanwire audit`, or file:PATH; several times',
      several,
    )
    .option('--event-log <path>', 'file in which Envoy tells of a wire that it gave up')
    .option('--admin <address:port>', "Envoy's own administration; none where not given")
    .option('--routes <path>', 'write the routes to a file of their own, which Envoy watches')
    .addOption(
      new Option('--format <format>', 'what is made (static)').choices(['static', 'istio']),
    )
    .option('--namespace <name>', 'for istio: of the documents')
    .option('--selector <label=value>', 'for istio: pods that have the wires', collectPairs)
    .option('--check', "run Envoy's own validation too, and say what it finds")
    .option('--from <file>', "a file of Istio's, or -: print the policy that it is")
    .option('--class <subset=class>', 'with --from: the class of a subset', collectPairs)
    .option('--default <class>', 'with --from: the class of what fits no route (best-effort)')
    .addHelpText('after', () =>
      environmentHelp(envoyTable, [
        'wanwire envoy -f policy.yaml --service httpbin --upstream 10.60.0.9:8000 --check > envoy.yaml',
        'wanwire envoy -f policy.yaml --service httpbin --upstream 10.60.0.9:8000 --by dscp > envoy.yaml',
        'wanwire envoy -f policy.yaml --service httpbin --format istio --selector app=web \\',
        '  --upstream httpbin.default.svc.cluster.local:8000 | kubectl apply -f -',
        'wanwire envoy --from virtualservice.yaml --class v2=low-latency > policy.yaml',
      ]),
    )
    .action((options: EnvoyCommandOptions) => answer(() => envoyCommand(options)));
  return envoy;
}
