// Ends the process where one run of a property does not end: no timeout of a test can stop a loop without an end.
import { Worker } from 'node:worker_threads';

/** No run takes as long on the slowest machine. */
const MAX_SECONDS = 60;

/** When the current run began, in seconds, or 0; and how many there were. */
const state = new Int32Array(new SharedArrayBuffer(8));

const worker = new Worker(
  `const { parentPort, workerData: { state, max } } = require('node:worker_threads');
  let name = '';
  parentPort.on('message', (given) => { name = given; });
  parentPort.unref();
  setInterval(() => {
    const began = Atomics.load(state, 0);
    if (began === 0 || Date.now() / 1000 - began < max) return;
    const run = Atomics.load(state, 1) - 1;
    require('node:fs').writeSync(2, 'a run does not end: ' + name + ', path ' + run + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, 1000);`,
  { eval: true, workerData: { state, max: MAX_SECONDS } },
);
worker.unref();

/** Says which property runs from now on. */
export function name(property: string): void {
  Atomics.store(state, 1, 0);
  worker.postMessage(property);
}

/** A run begins. */
export function beat(): void {
  Atomics.store(state, 0, Math.floor(Date.now() / 1000));
  Atomics.add(state, 1, 1);
}

/** A run has ended. */
export function rest(): void {
  Atomics.store(state, 0, 0);
}
