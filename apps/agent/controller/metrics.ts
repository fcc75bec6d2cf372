import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the controller counts. */
export interface ControllerMetrics {
  readonly pipelines: Gauge;
  readonly polls: Counter<'result'>;
  /** How much later than planned a poll began. */
  readonly pollDelay: Histogram;
  readonly imageBuilds: Counter<'phase'>;
  readonly imageBuildsRunning: Gauge;
  readonly startFailures: Counter;
  readonly repairs: Counter<'reason'>;
  readonly errors: Counter<'task'>;
}

/** Makes them in a registry. */
export function controllerMetrics(registry: Registry): ControllerMetrics {
  const registers = [registry];
  return {
    pipelines: new Gauge({ name: 'keelson_pipelines', help: 'Pipelines that are served', registers }),
    polls: new Counter({
      name: 'keelson_polls_total',
      help: 'Look-ups of branches, by result: unchanged, changed or failed',
      labelNames: ['result'],
      registers,
    }),
    pollDelay: new Histogram({
      name: 'keelson_poll_delay_seconds',
      help: 'How much later than planned a look-up began',
      buckets: [0.1, 0.5, 1, 2, 5, 10, 30],
      registers,
    }),
    imageBuilds: new Counter({
      name: 'keelson_image_builds_total',
      help: 'Image builds that have ended, by phase',
      labelNames: ['phase'],
      registers,
    }),
    imageBuildsRunning: new Gauge({
      name: 'keelson_image_builds_running',
      help: 'Image builds that run',
      registers,
    }),
    startFailures: new Counter({
      name: 'keelson_image_build_start_failures_total',
      help: 'Tries to make the objects of an image build that failed',
      registers,
    }),
    repairs: new Counter({
      name: 'keelson_repairs_total',
      help: 'What was put in order after something died, by reason',
      labelNames: ['reason'],
      registers,
    }),
    errors: new Counter({
      name: 'keelson_errors_total',
      help: 'Tasks that failed and are tried again',
      labelNames: ['task'],
      registers,
    }),
  };
}
