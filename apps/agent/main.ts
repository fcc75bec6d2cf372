import { createLog } from './observe/log.ts';
import { type Program, USAGE_EXIT_CODE, UsageError } from './program.ts';

/** Loaded one at a time: the gate of a build does without most of what the controller needs. */
const PROGRAMS: Readonly<Record<string, () => Promise<Program>>> = {
  controller: async () => (await import('./controller/controller.ts')).controller,
  gate: async () => (await import('./gate/gate.ts')).gate,
  source: async () => (await import('./source/source.ts')).source,
  outputs: async () => (await import('./outputs/outputs.ts')).outputs,
  prune: async () => (await import('./registry-gc/prune.ts')).prune,
  release: async () => (await import('./release/release.ts')).release,
};

const [name = '', ...args] = process.argv.slice(2);
const load = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
if (load === undefined) {
  process.stderr.write(`usage: keelson-agent ${Object.keys(PROGRAMS).join(' | ')}\n`);
  process.exit(USAGE_EXIT_CODE);
}
const log = createLog(name);
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.info({ signal }, 'stopping');
    stop.abort();
  });
}
try {
  const program = await load();
  process.exitCode = await program(args, { environment: process.env, log, signal: stop.signal });
} catch (error) {
  log.error({ error }, 'ended by an error');
  process.exitCode = error instanceof UsageError ? USAGE_EXIT_CODE : 1;
}
// Connections that are kept open for a next request don't keep the process.
process.exit();
