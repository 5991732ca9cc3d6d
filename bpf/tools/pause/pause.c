// SPDX-License-Identifier: Apache-2.0
/*
 * The first process of a pod: it holds the pod's namespaces, waits until it is
 * told to end, and reaps what others leave where it is their PID 1, too.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t ours;
	int got;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGCHLD);
	/* Blocked, so that none is lost before the wait for it. */
	sigprocmask(SIG_BLOCK, &ours, NULL);
	for (;;) {
		if (sigwait(&ours, &got) != 0 || got != SIGCHLD)
			return 0;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
