// Requests of somebody who does not know the secret of `ci`, or who sends what no git server does.
import { createHmac } from 'node:crypto';
import { type Delivery, github, gitlab, hmac, request } from './deliveries.ts';

const CANARY = 'CANARY';
const BODY = `{"ref":"refs/heads/${CANARY}"}`;

/** What was sent, the bytes, and the statuses one of which has to answer; 0 stands for none. */
export type Hostile = readonly [what: string, bytes: string | Buffer, answers: readonly number[]];

const one = (what: string, given: Delivery, ...answers: number[]): Hostile => [
  what,
  request({ body: BODY, ...given }),
  answers,
];

/** With a right signature, so that nothing but the rest can be the reason of a refusal. */
const signed = (what: string, secret: string, given: Delivery, ...answers: number[]): Hostile => [
  what,
  github(secret, { body: BODY, ...given }),
  answers,
];

const METHODS = ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'LOCK', 'SEARCH'];
const PATHS = [
  '/',
  '//',
  '/webhooks',
  '/webhooks/',
  '/webhooks//',
  '/webhooks/ci/',
  '/webhooks/ci/x',
  '/webhooks//ci',
  '/webhooks/../webhooks/ci',
  '/webhooks/./ci',
  '/./webhooks/ci',
  '/x/../webhooks/ci',
  '/webhooks/%63i',
  '/webhooks/ci%00',
  '/webhooks/ci%2f',
  '/webhooks/%2e%2e',
  '/webhooks/..',
  '/webhooks/.',
  '/webhooks/CI',
  '/webhooks/-ci',
  '/webhooks/ci-',
  '/webhooks/c_i',
  '/webhooks/ci.x',
  '/webhooks/ci;x=1',
  '/webhooks/ci#x',
  '/webhooks/$(id)',
  '/webhooks/`id`',
  '/webhooks/{{ci}}',
  '/webhooks/__proto__',
  `/webhooks/${'a'.repeat(64)}`,
  `/webhooks/${'a'.repeat(8000)}`,
  '/Webhooks/ci',
  '/WEBHOOKS/ci',
  '/webhooksci',
  '/metrics',
  '/healthz',
  '/readyz',
  '/v1/webhooks/native',
  '\\webhooks\\ci',
  'webhooks/ci',
  '*',
  'http://ci.example.com/webhooks/ci',
  'http://169.254.169.254/latest/meta-data/',
  '/webhooks/\u00fc',
];
const TYPES = [
  '-',
  '',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonx',
  'application/json2; charset=utf-8',
  'text/json',
  'application/xml',
  'application/json/x',
  'x application/json',
  '*/*',
  'application/vnd.github+json',
  'application /json',
];
/** Names of namespaces that have no webhook, each with a signature by the secret of one that has. */
const UNKNOWN = [
  'a',
  'unknown',
  'cj',
  'c',
  'kube-system',
  'default',
  'constructor',
  'tostring',
  'a'.repeat(63),
];

function wrongSignatures(secret: string): readonly (readonly [string, string])[] {
  const right = hmac(secret, BODY);
  const flipped = Array.from({ length: 64 }, (_, index): [string, string] => [
    `a signature with digit ${index} changed`,
    `sha256=${right.slice(0, index)}${(Number.parseInt(right[index] ?? '0', 16) ^ 1).toString(16)}${right.slice(index + 1)}`,
  ]);
  const sha1 = createHmac('sha1', secret).update(BODY).digest('hex');
  return [
    ...flipped,
    ['no signature', '-'],
    ['an empty signature', ''],
    ['the algorithm alone', 'sha256='],
    ['a signature without its algorithm', right],
    ['a signature by sha1', `sha1=${sha1}`],
    ['a signature by sha1 that says sha256', `sha256=${sha1}`],
    ['half a signature', `sha256=${right.slice(0, 32)}`],
    ['a signature that is too long', `sha256=${right}00`],
    ['a signature twice', `sha256=${right}, sha256=${right}`],
    ['a signature with a blank', `sha256= ${right}`],
    ['a signature in base64', `sha256=${Buffer.from(right, 'hex').toString('base64')}`],
    ['a signature with an algorithm in capitals', `SHA256=${right}`],
    ['a signature in capitals', `sha256=${right.toUpperCase()}`],
    ['a signature of zeros', `sha256=${'0'.repeat(64)}`],
    ['a signature of no digits', `sha256=${'z'.repeat(64)}`],
    ['a signature by an empty secret', `sha256=${hmac('', BODY)}`],
    ['a signature by the name', `sha256=${hmac('ci', BODY)}`],
    ['a signature by "undefined"', `sha256=${hmac('undefined', BODY)}`],
    ['a signature by half the secret', `sha256=${hmac(secret.slice(0, 16), BODY)}`],
    ['a signature of another body', `sha256=${hmac(secret, `${BODY} `)}`],
    ['a signature of no body', `sha256=${hmac(secret, '')}`],
    ['the secret', `sha256=${secret}`],
    ['a very long signature', `sha256=${'a'.repeat(8000)}`],
  ];
}

function wrongTokens(secret: string): readonly (readonly [string, string])[] {
  return [
    ['an empty token', ''],
    ['half the token', secret.slice(0, 16)],
    ['a token and more', `${secret}x`],
    ['a token twice', `${secret}, ${secret}`],
    ['a token in capitals', secret.toUpperCase()],
    ['a token but for its last character', `${secret.slice(0, -1)}~`],
    ['the hash of the token', hmac(secret, '')],
    ['a token in base64', Buffer.from(secret).toString('base64')],
    ['a token of "undefined"', 'undefined'],
    ['a token of "null"', 'null'],
    ['a token that is a regular expression', '.*'],
    ['a token with a wildcard', '*'],
    ['a very long token', 'a'.repeat(8000)],
  ];
}

/** Requests that break the rules of HTTP itself. */
function broken(secret: string): readonly Hostile[] {
  const head = 'POST /webhooks/ci HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
  const sign = `x-github-event: push\r\nx-hub-signature-256: sha256=${hmac(secret, BODY)}\r\n`;
  const long = 'a'.repeat(20_000);
  return [
    ['noise', Buffer.from([0, 1, 2, 255, 254, 10, 13, 10]), [400]],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), [400, 0]],
    ['a request of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', [400]],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
    ['two lengths', `${head}content-length: 4\r\ncontent-length: 40\r\n\r\n{}`, [400]],
    [
      'a length and chunks',
      `${head}${sign}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      [400],
    ],
    ['a negative length', `${head}content-length: -1\r\n\r\n`, [400]],
    ['a length that is no number', `${head}content-length: 0x10\r\n\r\n`, [400]],
    ['a length beyond all numbers', `${head}content-length: 99999999999999999999999\r\n\r\n`, [400]],
    ['a chunk of no size', `${head}${sign}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`, [400]],
    ['an unknown transfer encoding', `${head}${sign}transfer-encoding: cow\r\n\r\n`, [400, 401, 501]],
    ['a header without a colon', `${head}broken\r\n\r\n`, [400]],
    ['a header with a NUL', `${head}x: a\0b\r\n\r\n`, [400]],
    ['a header of 20 kB', `${head}x: ${long}\r\n\r\n`, [431]],
    ['a path of 20 kB', `POST /webhooks/${long} HTTP/1.1\r\nhost: a\r\n\r\n`, [431]],
    ['no host', 'POST /webhooks/ci HTTP/1.1\r\nconnection: close\r\n\r\n', [400]],
    ['a tunnel', 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: a\r\n\r\n', [0]],
    [
      'a second request in the body of the first',
      request({ body: `GET /webhooks/ci HTTP/1.1\r\nhost: a\r\n\r\n` }),
      [401],
    ],
    [
      'another protocol in its place',
      request({ headers: { connection: 'upgrade', upgrade: 'h2c' }, body: BODY }),
      [401],
    ],
  ];
}

/** All of them, by the secret of `ci`. */
export function hostileRequests(secret: string): readonly Hostile[] {
  return [
    ...METHODS.map((method) => signed(`the method ${method}`, secret, { method }, 405)),
    ...PATHS.map((path) =>
      signed(`the path ${path.slice(0, 40)} of ${path.length}`, secret, { path }, 400, 404),
    ),
    ...TYPES.map((type) =>
      signed(`the content type ${JSON.stringify(type)}`, secret, { headers: { 'content-type': type } }, 415),
    ),
    ...['gzip', 'deflate', 'br', 'identity'].map((encoding) =>
      signed(`a body in ${encoding}`, secret, { headers: { 'content-encoding': encoding } }, 415),
    ),
    ...UNKNOWN.map((name) => signed(`the namespace ${name}`, secret, { path: `/webhooks/${name}` }, 401)),
    ...UNKNOWN.map(
      (name): Hostile => [
        `a token for the namespace ${name}`,
        gitlab(secret, { body: BODY, path: `/webhooks/${name}` }),
        [401],
      ],
    ),
    ...wrongSignatures(secret).map(([what, signature]) =>
      one(what, { headers: { 'x-github-event': 'push', 'x-hub-signature-256': signature } }, 401),
    ),
    ...wrongTokens(secret).map(([what, token]) =>
      one(what, { headers: { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': token } }, 401),
    ),
    ...['authorization', 'x-hub-signature', 'x-gogs-signature', 'x-api-key', 'cookie'].map((header) =>
      one(`the secret as ${header}`, { headers: { 'x-github-event': 'push', [header]: secret } }, 401),
    ),
    one('the secret in the path', { path: `/webhooks/ci?secret=${secret}&token=${secret}` }, 401),
    one('the secret in the body', { body: JSON.stringify({ ref: 'refs/heads/main', secret }) }, 401),
    signed('a body that is declared too long', secret, { headers: { 'content-length': '1048577' } }, 413),
    signed('a body of 1 MiB and a byte', secret, { body: ' '.repeat(1_048_577) }, 413),
    [
      'a body in chunks that never ends',
      github(secret, { body: '', headers: { 'content-length': '-', 'transfer-encoding': 'chunked' } }) +
        `10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(17),
      [413],
    ],
    ...broken(secret),
  ];
}
