import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDocs } from './docs.ts';
import { least, measure, method } from './measure.ts';
import { type Options, parseOptions } from './options.ts';
import { cdk8sPlus } from './peers/cdk8s-plus.ts';
import { goTextTemplate } from './peers/go-template.ts';
import { helmFiles, helmStream } from './peers/helm.ts';
import { keelson } from './peers/keelson.ts';
import { keelsonBundled } from './peers/keelson-bundled.ts';
import { limit } from './peers/limit.ts';
import { LAYOUTS, type Peer } from './peers/peer.ts';
import { report, verdictLines } from './report.ts';
import { Results, type StartUp } from './results.ts';
import { passes, verdicts } from './targets.ts';
import { compile, program } from './tools.ts';
import { type Cell, cells, compare } from './trial.ts';
import { type Workload, workload } from './workload.ts';

const options = parseOptions(process.argv.slice(2));
if (options !== undefined) await main(options);

async function main(options: Options): Promise<void> {
  const directory = mkdtempSync(join(options.directory, 'keelson-bench-'));
  // What is interrupted leaves nothing behind, least of all in memory.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

  note(`${method()}; output below ${options.directory}`);
  await compile();
  const objects = workload();
  const peers = await prepared(objects, directory);
  const results = await measureAll(peers, objects, options, directory);
  const list = verdicts(results);

  const tables = report(results, peers);
  process.stdout.write(`${tables}\n${verdictLines(list)}`);
  if (options.docs) writeDocs('bench', `${tables}\n\`\`\`\n${verdictLines(list)}\`\`\``);
  if (options.json !== undefined) {
    const { cells, startUp } = results;
    const document = { node: process.version, method: method(), startUp, cells, verdicts: list };
    writeFileSync(options.json, `${JSON.stringify(document, null, 2)}\n`);
  }
  if (options.check && !list.every(passes)) process.exitCode = 1;
}

/** The peers that can run here, each proven to make Keelson's objects. */
async function prepared(objects: Workload, directory: string): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const peer of [
    keelson,
    keelsonBundled(),
    limit(),
    goTextTemplate(),
    helmFiles(),
    helmStream(),
    cdk8sPlus(),
  ]) {
    note(`preparing ${peer.title}`);
    const own = join(directory, peer.id);
    mkdirSync(own);
    const skip = await peer.prepare(objects, own);
    if (skip !== undefined) {
      note(`SKIPPED ${peer.title}: ${skip.skipped}`);
      continue;
    }
    await compare(keelson, peer, directory);
    peers.push(peer);
  }
  return peers;
}

async function measureAll(
  peers: readonly Peer[],
  objects: Workload,
  { sizes, runs, shortRuns }: Options,
  directory: string,
): Promise<Results> {
  note('measuring the start');
  const startUp = await measureStartUp(shortRuns);
  const all: Cell[] = [];
  for (const pipelines of sizes) {
    for (const layout of LAYOUTS) {
      note(`measuring N=${pipelines}, one file per ${layout}`);
      const count = pipelines <= 10 ? shortRuns : runs;
      all.push(...(await cells(peers, objects, pipelines, layout, count, directory)));
    }
  }
  return new Results(all, startUp);
}

async function measureStartUp(runs: number): Promise<StartUp> {
  const node = [];
  const own = [];
  const cdk8s = [];
  for (let run = 0; run < runs; run++) {
    node.push(await measure([process.execPath, '-e', '0']));
    own.push(await measure([process.execPath, program('import-keelson')]));
    cdk8s.push(await measure([process.execPath, program('import-cdk8s-plus')]));
  }
  return {
    node: least(node).cpuSeconds,
    keelson: least(own).cpuSeconds,
    cdk8sPlus: least(cdk8s).cpuSeconds,
  };
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
