import { readConfiguration } from '../configuration.ts';
import { Kubernetes } from '../kubernetes/client.ts';
import { Events } from '../kubernetes/events.ts';
import { serveOutputs } from '../outputs/serve-outputs.ts';
import { type Program, variable } from '../program.ts';
import { BuildGate } from './build-gate.ts';
import { BuildLease } from './build-lease.ts';
import { HandOver } from './hand-over.ts';
import { KeelHold } from './keel-hold.ts';
import { RunDirectory } from './run-directory.ts';
import { RunRecord } from './run-record.ts';
import { Services } from './services.ts';

/** The program beside a build: it lets the build run when what it needs is there, and records what became of it. */
export const gate: Program = async (args, { environment, log, signal }) => {
  const configuration = await readConfiguration('Gate', args);
  const pod = {
    name: variable(environment, 'POD_NAME'),
    namespace: variable(environment, 'POD_NAMESPACE'),
    uid: variable(environment, 'POD_UID'),
  };
  const { namespace } = pod;
  const client = Kubernetes.default();
  const { outputsPort: port, outputDirectory: directory } = configuration;
  if (port !== undefined && directory !== undefined)
    await serveOutputs({ port, directory, runId: pod.uid, log, signal });
  const hold =
    'job' in configuration
      ? undefined
      : new KeelHold(client, { namespace, name: configuration.deployment }, log);
  const handOver = 'job' in configuration ? undefined : configuration.handOver;
  await new BuildGate({
    configuration,
    client,
    pod,
    files: new RunDirectory(configuration.runDirectory),
    lease: new BuildLease(client, { namespace, name: configuration.lease }, pod.uid),
    record: new RunRecord({
      client,
      status: { namespace, name: configuration.statusConfigMap },
      historyLimit: configuration.historyLimit,
      events: new Events(client, 'keelson-gate', log),
      log,
      pod,
    }),
    services: new Services(client, namespace, configuration.services, log),
    hold,
    handOver: hold && handOver && new HandOver(hold, pod.uid, handOver.timeoutSeconds, log),
    log,
    signal,
  }).serve();
  return 0;
};
