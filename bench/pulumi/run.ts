// What registering pipelines with Pulumi costs, beside synthesizing the same, and beside the classes of
// @pulumi/kubernetes alone and its ConfigGroup with the same objects; `npm run bench:pulumi`.
import { execFileSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { writeDocs } from '../docs.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const RUNS = values.quick ? 2 : 5;
const SIZES = values.quick ? [1, 10] : [1, 10, 100];
const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Milliseconds of CPU: the least of several runs, as whatever else the machine does only ever adds. */
function least(run: () => number, runs: number = RUNS): number {
  return Math.min(...Array.from({ length: runs }, run));
}

function program(mode: 'synth' | 'component' | 'alone' | 'group', pipelines: number): number {
  const args = ['--import', 'tsx', root('bench/pulumi/program.ts'), mode, String(pipelines)];
  const output = execFileSync(process.execPath, args, {
    cwd: root('.'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // Pulumi's messages go to standard output too.
  return Number(output.trim().split('\n').at(-1));
}

/** Milliseconds from asking for a module to having it. */
function imported(module: string): number {
  const script = `const before = performance.now(); await import(${JSON.stringify(module)}); console.log(performance.now() - before);`;
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
  const component = least(() => program('component', pipelines));
  const alone = least(() => program('alone', pipelines));
  const group = least(() => program('group', pipelines));
  return { pipelines, synth, component, alone, group };
});
const kubernetes = least(() => imported('@pulumi/kubernetes'), 10);
const own = least(() => imported(pathToFileURL(root('dist/lib/pulumi/index.js')).href), 10);

const [before, last] = rows.slice(-2);
if (before === undefined || last === undefined) throw new Error('nothing was measured');
const verdicts: Verdict[] = [
  ...rows.map(({ pipelines, synth, component }) => ({
    what: `N = ${pipelines}, times the CPU of synth`,
    measured: component / synth,
    most: 3,
  })),
  ...rows.map(({ pipelines, synth, component, alone }) => ({
    what: `N = ${pipelines}, times the CPU of synth and of the classes alone`,
    measured: component / (synth + alone),
    most: 1.25,
  })),
  ...rows.map(({ pipelines, component, group }) => ({
    what: `N = ${pipelines}, times the CPU of ConfigGroup`,
    measured: component / group,
    most: 1,
  })),
  {
    what: `N = ${last.pipelines}, times the CPU of N = ${before.pipelines}`,
    measured: last.component / before.component,
    most: 11,
  },
  { what: 'import, milliseconds above that of @pulumi/kubernetes', measured: own - kubernetes, most: 100 },
];

const results = [
  '| N | synth, CPU ms | KeelsonComponent, CPU ms | classes alone, CPU ms | ConfigGroup, CPU ms |',
  '| ---: | ---: | ---: | ---: | ---: |',
  ...rows.map(
    ({ pipelines, synth, component, alone, group }) =>
      `| ${pipelines} | ${synth.toFixed(0)} | ${component.toFixed(0)} | ${alone.toFixed(0)} | ${group.toFixed(0)} |`,
  ),
  '',
  `Import: keelson/pulumi ${own.toFixed(0)} ms, @pulumi/kubernetes ${kubernetes.toFixed(0)} ms.`,
  '',
  '| | measured | at most | met |',
  '| --- | ---: | ---: | --- |',
  ...verdicts.map(
    ({ what, measured, most }) =>
      `| ${what} | ${measured.toFixed(2)} | ${most} | ${measured <= most ? 'yes' : '**no**'} |`,
  ),
].join('\n');
process.stdout.write(`${results}\n`);
if (values.docs) writeDocs('bench:pulumi', results);
if (values.check && verdicts.some(({ measured, most }) => measured > most)) process.exitCode = 1;
