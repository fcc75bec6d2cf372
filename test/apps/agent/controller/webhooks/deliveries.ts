// What git servers and others send, as bytes.
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';

export const hmac = (secret: string, body: string | Buffer): string =>
  createHmac('sha256', secret).update(body).digest('hex');

export interface Delivery {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request as it is sent, with nothing put right. */
export function request({
  method = 'POST',
  path = '/webhooks/ci',
  headers = {},
  body = '',
}: Delivery): string {
  const all: Record<string, string> = {
    host: 'ci.example.com',
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== '-')
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

const PUSH = JSON.stringify({ ref: 'refs/heads/main', after: '0'.repeat(40), commits: [] });

/** A push as GitHub tells of it. */
export const github = (secret: string, { body = PUSH, headers = {}, ...rest }: Delivery = {}): string =>
  request({
    ...rest,
    body,
    headers: {
      'x-github-event': 'push',
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-hub-signature-256': `sha256=${hmac(secret, body)}`,
      ...headers,
    },
  });

/** The same by Gitea, which sends GitHub's event beside its own; older ones sign in one header only. */
export const gitea = (secret: string, { body = PUSH, headers = {}, ...rest }: Delivery = {}): string =>
  request({
    ...rest,
    body,
    headers: {
      'x-gitea-event': 'push',
      'x-github-event': 'push',
      'x-gogs-event': 'push',
      'x-gitea-signature': hmac(secret, body),
      ...headers,
    },
  });

/** The same by GitLab, which shows the secret. */
export const gitlab = (secret: string, { body = PUSH, headers = {}, ...rest }: Delivery = {}): string =>
  request({
    ...rest,
    body,
    headers: { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': secret, ...headers },
  });

/** Sends bytes and gives back all that is answered until the end of the connection, or of the time. */
export function exchange(port: number, bytes: string | Buffer, milliseconds = 20_000): Promise<string> {
  return new Promise((resolve) => {
    const answer: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(answer).toString('latin1'));
    };
    const timer = setTimeout(end, milliseconds);
    socket.on('data', (chunk: Buffer) => answer.push(chunk));
    socket.on('end', end);
    socket.on('error', end);
  });
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
