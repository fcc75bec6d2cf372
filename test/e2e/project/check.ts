// The command of the watched build: it uses both services as a project's own tests would, through their protocols.
// A commit's settings.json says how long it then goes on, and how it ends.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { signed } from './signed.ts';

interface Settings {
  readonly seconds: number;
  readonly exitCode: number;
}

/** Puts an object into a bucket of its own and reads it back. */
async function useMinio(content: string): Promise<void> {
  const { MINIO_TEST_SERVER, MINIO_ROOT_USER = '', MINIO_ROOT_PASSWORD = '' } = process.env;
  const bucket = new URL(`http://${MINIO_TEST_SERVER}/check-${randomUUID()}`);
  const object = new URL(`${bucket}/object`);
  const account = { user: MINIO_ROOT_USER, password: MINIO_ROOT_PASSWORD };
  const send = async (method: string, url: URL, body = ''): Promise<string> => {
    const response = await fetch(url, {
      method,
      headers: signed({ method, url, body, ...account }),
      ...(body === '' ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`MinIO: ${method} ${url}: ${response.status} ${text}`);
    return text;
  };
  await send('PUT', bucket);
  await send('PUT', object, content);
  if ((await send('GET', object)) !== content) throw new Error('MinIO: the object is another than was put');
  console.log('MinIO keeps an object');
}

/** Sends a message through a queue of its own. */
async function useRabbitMq(content: string): Promise<void> {
  const connection = await connect(process.env['AMQP_URL'] ?? '');
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const arrived = new Promise<string>((resolve) => {
    void channel.consume(queue, (message) => resolve(message?.content.toString() ?? ''), { noAck: true });
  });
  channel.sendToQueue(queue, Buffer.from(content));
  if ((await arrived) !== content) throw new Error('RabbitMQ: the message is another than was sent');
  await connection.close();
  console.log('RabbitMQ delivers a message');
}

const settings = JSON.parse(await readFile('settings.json', 'utf8')) as Settings;
const commit = (await readFile('commit', 'utf8')).trim();
console.log(`checking ${commit}`);
await useMinio(commit);
await useRabbitMq(commit);
await sleep(settings.seconds * 1000);
await mkdir('out', { recursive: true });
await writeFile('out/report.txt', `${commit} was checked\n`);
console.log(`ending with ${settings.exitCode}`);
process.exitCode = settings.exitCode;
