import { LAYOUTS, type Layout, type Peer } from './peers/peer.ts';
import type { Results } from './results.ts';
import { passes, type Verdict } from './targets.ts';

/** Everything that was measured, as Markdown. */
export function report(results: Results, peers: readonly Peer[]): string {
  const sections = LAYOUTS.flatMap((layout) => {
    const cpu = (peer: string, size: number): string => fixed(results.cpu(peer, layout, size), 3);
    const memory = (peer: string, size: number): string =>
      fixed(results.cell(peer, layout, size)?.peakMegabytes, 0);
    const ratio = (peer: string, size: number): string => fixed(results.ratio(peer, layout, size), 2);
    const able = peers.filter(({ layouts }) => layouts.includes(layout));
    const others = able.filter(({ id }) => id !== 'keelson');
    return [
      `### One file per ${layout}: CPU seconds`,
      table(results.sizes, able, cpu, growths(results, layout)),
      `### One file per ${layout}: peak memory in MB`,
      table(results.sizes, able, memory),
      `### One file per ${layout}: how many times the peer's CPU seconds Keelson takes`,
      table(results.sizes, others, ratio),
    ];
  });
  const { node, keelson, cdk8sPlus } = results.startUp;
  sections.push(
    '### Start: CPU milliseconds',
    `\`node -e 0\` ${ms(node)}, \`import 'cdk8s-plus-27'\` ${ms(cdk8sPlus)}, \`import 'keelson'\` ${ms(keelson)}.`,
  );
  return `${sections.join('\n\n')}\n`;
}

/** A line for each target. */
export function verdictLines(list: readonly Verdict[]): string {
  return list
    .map((verdict) => {
      const { target, measured, most, unit } = verdict;
      if (measured === undefined) return `skip  ${target}: not measured\n`;
      const digits = Math.abs(measured) < 10 ? 2 : 0;
      return `${passes(verdict) ? 'PASS' : 'FAIL'}  ${target}: ${measured.toFixed(digits)}${unit} (at most ${most}${unit})\n`;
    })
    .join('');
}

type Column = readonly [heading: string, value: (peer: string) => string];

/** The exponents over everything from 10 on, and over the last step alone. */
function growths(results: Results, layout: Layout): Column[] {
  const last = results.sizes.at(-1) ?? 10;
  const before = results.sizes.at(-2) ?? 10;
  const steps = [
    ...new Map([
      [`10–${last}`, 10],
      [`${before}–${last}`, before],
    ] as const),
  ];
  return steps.map(([span, from]) => [
    `growth ${span}`,
    (peer) => {
      const exponent = results.growth(peer, layout, from, last);
      return exponent === undefined ? '' : `N^${exponent.toFixed(2)}`;
    },
  ]);
}

function table(
  sizes: readonly number[],
  peers: readonly Peer[],
  value: (peer: string, size: number) => string,
  more: readonly Column[] = [],
): string {
  const columns: Column[] = [
    ...sizes.map((size): Column => [`N=${size}`, (peer) => value(peer, size)]),
    ...more,
  ];
  const rows = [
    ['', ...columns.map(([heading]) => heading)],
    ['---', ...columns.map(() => '---:')],
    ...peers.map(({ id, title }) => [title, ...columns.map(([, of]) => of(id))]),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? '' : value.toFixed(digits);
}

function ms(seconds: number): string {
  return (seconds * 1000).toFixed(0);
}
