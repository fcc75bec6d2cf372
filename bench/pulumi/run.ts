// What registering pipelines with Pulumi costs, beside synthesizing the same; `npm run bench:pulumi`.
import { execFileSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
});
const RUNS = values.quick ? 2 : 5;
const SIZES = [1, 10, 100] as const;
const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Milliseconds of CPU: the least of several runs, as whatever else the machine does only ever adds. */
function least(run: () => number): number {
  return Math.min(...Array.from({ length: RUNS }, run));
}

function program(mode: 'pulumi' | 'synth', pipelines: number): number {
  const args = ['--import', 'tsx', root('bench/pulumi/program.ts'), mode, String(pipelines)];
  const output = execFileSync(process.execPath, args, {
    cwd: root('.'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // Pulumi's messages go to standard output too.
  return Number(output.trim().split('\n').at(-1));
}

function imported(module: string): number {
  const script = `const before = process.cpuUsage(); await import(${JSON.stringify(module)}); const { user, system } = process.cpuUsage(before); console.log((user + system) / 1000);`;
  return Number(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root('.'),
      encoding: 'utf8',
    }),
  );
}

interface Verdict {
  readonly what: string;
  readonly measured: number;
  readonly most: number;
}

const rows = SIZES.map((pipelines) => {
  const synth = least(() => program('synth', pipelines));
  const pulumi = least(() => program('pulumi', pipelines));
  return { pipelines, synth, pulumi };
});
const kubernetes = least(() => imported('@pulumi/kubernetes'));
const own = least(() => imported(pathToFileURL(root('dist/lib/pulumi/index.js')).href));

const time = (pipelines: number): number =>
  rows.find((row) => row.pipelines === pipelines)?.pulumi ?? Number.NaN;
const verdicts: Verdict[] = [
  ...rows.map(({ pipelines, synth, pulumi }) => ({
    what: `${pipelines} pipelines, times the CPU of synth`,
    measured: pulumi / synth,
    most: 3,
  })),
  { what: '100 pipelines, times the CPU of 10', measured: time(100) / time(10), most: 11 },
  { what: 'import, milliseconds above @pulumi/kubernetes', measured: own - kubernetes, most: 100 },
];

const lines = [
  '| pipelines | synth, CPU ms | Pulumi, CPU ms |',
  '|---|---|---|',
  ...rows.map(
    ({ pipelines, synth, pulumi }) => `| ${pipelines} | ${synth.toFixed(0)} | ${pulumi.toFixed(0)} |`,
  ),
  '',
  `import: keelson/pulumi ${own.toFixed(0)} ms, @pulumi/kubernetes ${kubernetes.toFixed(0)} ms of CPU`,
  '',
  '| target | measured | at most | met |',
  '|---|---|---|---|',
  ...verdicts.map(
    ({ what, measured, most }) =>
      `| ${what} | ${measured.toFixed(1)} | ${most} | ${measured <= most ? 'yes' : 'no'} |`,
  ),
];
process.stdout.write(`${lines.join('\n')}\n`);
if (values.check && verdicts.some(({ measured, most }) => measured > most)) process.exitCode = 1;
