import type { DeliveryFigures } from './deliveries.ts';
import type { GateFigures } from './gate.ts';
import type { PollFigures } from './polls.ts';

/** The figures beside what they are to be, as a table. */
export function rows(figures: {
  readonly deliveries: DeliveryFigures;
  readonly gate: GateFigures;
  readonly polls: PollFigures;
}): string {
  const { deliveries, gate, polls } = figures;
  const table: readonly (readonly [what: string, figure: string, target: string, met: boolean])[] = [
    [
      `from a webhook to the Job, median of ${deliveries.commits}`,
      `${seconds(deliveries.p50)}, at most ${seconds(deliveries.max)}`,
      'under 1 s',
      deliveries.p50 < 1000,
    ],
    [
      `from a build's container to its command, services up, median of ${gate.runs}`,
      `${seconds(gate.start.p50)}, at most ${seconds(gate.start.max)}`,
      'under 3 s',
      gate.start.p50 < 3000,
    ],
    [
      `from the command's end to its result, median of ${gate.runs}`,
      `${seconds(gate.end.p50)}, at most ${seconds(gate.end.max)}`,
      'under 2 s',
      gate.end.p50 < 2000,
    ],
    [
      `CPU of ${polls.repositories} repositories polled each minute`,
      `${polls.cpu.toFixed(1)} % of a core`,
      'under 25 %',
      polls.cpu < 25,
    ],
    ['memory meanwhile', `${polls.memory.toFixed(0)} MB`, 'under 200 MB', polls.memory < 200],
    [
      'payload of a poll that finds nothing new',
      `${polls.bytesPerPoll.toFixed(0)} bytes`,
      'at most 1 kB',
      polls.bytesPerPoll <= 1000,
    ],
    [
      `polls later than 10 s, of ${polls.polls}`,
      `${polls.late[10]} (${polls.late[1]} later than 1 s)`,
      'none',
      polls.late[10] === 0,
    ],
  ];
  const lines = table.map(
    ([what, figure, target, met]) => `| ${what} | ${figure} | ${target} | ${met ? 'yes' : '**no**'} |`,
  );
  return ['| | measured | target | met |', '| --- | ---: | ---: | --- |', ...lines].join('\n');
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
