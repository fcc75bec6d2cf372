// A program that wants to lead: `candidate.ts IDENTITY NAMESPACE LEASE SECONDS`. It prints a line when it starts and, 50
// times a second, when it acts as the leader, each with the machine's monotonic clock in milliseconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { Kubernetes } from '../../../../apps/agent/kubernetes/client.ts';
import { leadWhenElected } from '../../../../apps/agent/kubernetes/leader.ts';
import { createLog } from '../../../../apps/agent/observe/log.ts';

const [identity = '', namespace = '', name = '', seconds = ''] = process.argv.slice(2);

function print(what: string): void {
  process.stdout.write(`${what} ${process.hrtime.bigint() / 1_000_000n}\n`);
}

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
// It does not outlive the test.
process.stdin.once('end', () => process.exit(1)).resume();
print('starts');
await leadWhenElected(
  Kubernetes.default(),
  {
    lease: { namespace, name },
    identity,
    fieldManager: 'keelson-test',
    log: createLog('candidate', { write: (line) => process.stderr.write(line) }),
    signal: stop.signal,
    seconds: Number(seconds),
  },
  async (signal) => {
    while (!signal.aborted) {
      print('acts');
      await sleep(20, undefined, { signal }).catch(() => undefined);
    }
  },
);
// Free connections don't keep the process; a request that is being aborted would, for a moment.
process.exit();
