import { LAYOUTS } from './peers/peer.ts';
import type { Results } from './results.ts';

/** A target and what was measured for it; undefined where this run has not measured it. */
export interface Verdict {
  readonly target: string;
  readonly measured: number | undefined;
  readonly most: number;
  readonly unit: string;
}

const GROWTH = 1.05;
const LIMIT_RATIO = 2;
const HELM_RATIO = 0.5;
const MEGABYTES = 250;
const START_RATIO = 3;
const IMPORT_SECONDS = 0.01;

/** From here on the start of the program no longer counts. */
const MANY = 1000;

export function verdicts(results: Results): Verdict[] {
  const { sizes, startUp } = results;
  const most = sizes.at(-1) ?? 1;
  const list: Verdict[] = [];
  for (const layout of LAYOUTS) {
    const add = (target: string, measured: number | undefined, limit: number, unit = '×'): void => {
      list.push({ target: `${target}, a file per ${layout}`, measured, most: limit, unit });
    };
    add(`growth from 10 to ${most}: N^`, results.growth('keelson', layout, 10, most), GROWTH, '');
    for (const size of [MANY, 3 * MANY]) {
      add(`CPU at N=${size} to the limit's`, results.ratio('limit', layout, size), LIMIT_RATIO);
      add(`CPU at N=${size} to helm's`, results.ratio('helm', layout, size), HELM_RATIO);
    }
    add(`peak memory at N=${MANY}`, results.cell('keelson', layout, MANY)?.peakMegabytes, MEGABYTES, ' MB');
    const one = results.cpu('keelson-bundled', layout, 1);
    add(
      'CPU at N=1, compiled into one file, to that of node -e 0',
      one === undefined ? undefined : one / startUp.node,
      START_RATIO,
    );
  }
  list.push({
    target: "import 'keelson' beyond import 'cdk8s-plus-27'",
    measured: (startUp.keelson - startUp.cdk8sPlus) * 1000,
    most: IMPORT_SECONDS * 1000,
    unit: ' ms',
  });
  return list;
}

/** Whether a target is met; one that was not measured is not missed. */
export function passes({ measured, most }: Verdict): boolean {
  return measured === undefined || measured <= most;
}
