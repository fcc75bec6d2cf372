import type { IncomingMessage, ServerResponse } from 'node:http';
import { setInterval } from 'node:timers';

/** What a git server may do in place of an answer. */
export type GitFault =
  /** 500. */
  | 'error'
  /** 401, as where a token has run out. */
  | 'unauthorized'
  /** Nothing, with an open connection. */
  | 'silent'
  /** The beginning of an answer, then a byte now and then. */
  | 'slow'
  /** An answer of the right kind that breaks off in a packet. */
  | 'half'
  /** An answer of the right kind whose list of refs has no end. */
  | 'unfinished'
  /** Bytes that are no packets, in an answer of the right kind. */
  | 'garbage'
  /** A page for people, with status 200. */
  | 'page'
  /** Packets without end. */
  | 'endless'
  /** The connection is reset. */
  | 'reset';

/** Every fault there is. */
export const GIT_FAULTS: readonly GitFault[] = [
  'error',
  'unauthorized',
  'silent',
  'slow',
  'half',
  'unfinished',
  'garbage',
  'page',
  'endless',
  'reset',
];

const RESULT = { 'content-type': 'application/x-git-upload-pack-result' };
const LINE = `003d${'0'.repeat(40)} refs/heads/main\n`;

/** A git server's `intercept`, by which it fails as long as `fault` says so. */
export class GitFaults {
  fault: GitFault | undefined;
  /** How many requests met a fault. */
  faults = 0;

  readonly intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    const { fault } = this;
    if (fault === undefined) return false;
    this.faults++;
    request.resume();
    ANSWERS[fault](response);
    return true;
  };
}

const ANSWERS: Readonly<Record<GitFault, (response: ServerResponse) => void>> = {
  error: (response) => response.writeHead(500).end('Internal Server Error'),
  unauthorized: (response) =>
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who are you?'),
  silent: () => undefined,
  slow: (response) => {
    response.writeHead(200, RESULT).write(LINE.slice(0, 10));
    const timer = setInterval(() => response.write('0'), 500);
    response.once('close', () => clearInterval(timer));
  },
  half: (response) => {
    response.writeHead(200, RESULT);
    response.write(LINE.slice(0, 30), () => response.socket?.destroy());
  },
  unfinished: (response) => response.writeHead(200, RESULT).end(LINE),
  garbage: (response) => response.writeHead(200, RESULT).end(Buffer.alloc(4096, 'zz\u0000\u001b[2J')),
  page: (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
  endless: (response) => {
    response.writeHead(200, RESULT);
    const more = (): void => {
      while (!response.destroyed && response.write(LINE.repeat(500)));
    };
    response.on('drain', more);
    more();
  },
  reset: (response) => response.socket?.resetAndDestroy(),
};
