import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { logLeftOut } from '../archive/left-out.ts';
import { DEFAULT_LIMITS } from '../archive/limits.ts';
import { openDirectory } from '../archive/open-at.ts';
import { packFiles } from '../archive/pack.ts';
import { quoted } from '../archive/quoted.ts';
import { END_OF_ARCHIVE } from '../archive/tar-header.ts';
import type { Log } from '../observe/log.ts';

/** Options of {@link serveOutputs}. */
export interface ServeOutputsOptions {
  /** The port; 0 for any that is free. */
  readonly port: number;
  /** The directory with a directory for each run. */
  readonly directory: string;
  /** The run that is served, by the name of its directory. */
  readonly runId: string;
  readonly log: Log;
  /** Ends the server, and what it is sending. */
  readonly signal: AbortSignal;
}

/** What {@link serveOutputs} has started. */
export interface OutputsServer {
  readonly port: number;
  /** Fulfilled when it has ended. */
  readonly closed: Promise<void>;
}

const MAX_DOWNLOADS = 4;
const MAX_CONNECTIONS = 32;
const SILENCE_MS = 60_000;

/**
 * Answers `GET /RUN.tar` with an archive of one run's `build.log` and `assets/…`, and anything else with 404. Where the
 * run has left nothing, the archive is empty. A client that reads nothing for a minute is let go.
 */
export async function serveOutputs(options: ServeOutputsOptions): Promise<OutputsServer> {
  const { port, runId, log, signal } = options;
  if (!/^[\w-]+$/.test(runId)) throw new RangeError(`${quoted(runId)} is no name of a run's directory`);
  let downloads = 0;
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
    response.setHeader('connection', 'close');
    if (request.method !== 'GET' || request.url !== `/${runId}.tar`) {
      response.writeHead(404).end();
    } else if (downloads >= MAX_DOWNLOADS) {
      response.writeHead(503, { 'retry-after': '5' }).end();
    } else {
      downloads++;
      send(response, options)
        .catch((error: unknown) => {
          log.warn({ error }, 'the outputs could not be sent');
          response.destroy();
        })
        .finally(() => downloads--);
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(SILENCE_MS);
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, done);
  });
  log.info({ port, run: runId }, 'serving outputs');
  return { port: (server.address() as AddressInfo).port, closed: closedBy(signal, server) };
}

async function send(
  response: ServerResponse,
  { directory, runId, log, signal }: ServeOutputsOptions,
): Promise<void> {
  const run = join(directory, runId);
  response.setHeader('content-type', 'application/x-tar');
  if (!(await isDirectory(run))) {
    log.warn({ run: runId }, 'the run has left no directory, so its outputs are empty');
    response.end(END_OF_ARCHIVE);
    return;
  }
  const archive = packFiles(run, { limits: DEFAULT_LIMITS, skip: isNoOutput, leftOut: logLeftOut(log) });
  await pipeline(archive, response, { signal });
  log.info('sent the outputs');
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    await (await openDirectory(path)).close();
    return true;
  } catch (error) {
    // A symbolic link is no directory either.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function isNoOutput(path: string): boolean {
  return path !== 'build.log' && path !== 'assets' && !path.startsWith('assets/');
}

function closedBy(signal: AbortSignal, server: Server): Promise<void> {
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) close();
  signal.addEventListener('abort', close, { once: true });
  return new Promise((done) => {
    server.once('close', () => done());
  });
}
