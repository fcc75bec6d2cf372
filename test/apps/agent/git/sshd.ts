// A real sshd on loopback, for one user and one key.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SSHD = '/usr/sbin/sshd';

/** The program that is missing for {@link startSshd}, for the name of a test; empty where none is. */
export const missingForSshd: string = existsSync(SSHD) ? '' : ' (skipped: openssh-server is not installed)';

export interface Sshd {
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  /** A key that the server does not know. */
  readonly otherKey: string;
  readonly knownHosts: string;
  /** The right name with another server's key. */
  readonly wrongKnownHosts: string;
  close(): void;
}

/** @param parent the folder in which it makes one for its files */
export async function startSshd(parent: string): Promise<Sshd> {
  const directory = mkdtempSync(join(parent, 'sshd-'));
  const key = (name: string): string => {
    const path = join(directory, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path]);
    return path;
  };
  const [host, client, other] = [key('host'), key('client'), key('other')];
  const port = await freePort();
  // sshd of root wants it for the separation of privileges.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const config = join(directory, 'sshd_config');
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host}`,
    `AuthorizedKeysFile ${client}.pub`,
    `PidFile ${join(directory, 'pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'AcceptEnv GIT_PROTOCOL',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const server = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: 'ignore' });
  await listening(server, port);
  const publicKey = (path: string): string =>
    readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  return {
    port,
    user: userInfo().username,
    privateKey: readFileSync(client, 'utf8'),
    otherKey: readFileSync(other, 'utf8'),
    knownHosts: `[127.0.0.1]:${port} ${publicKey(host)}`,
    wrongKnownHosts: `[127.0.0.1]:${port} ${publicKey(other)}`,
    close: () => {
      server.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function listening(server: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 100 && server.exitCode === null; tries++) {
    const answered = await new Promise((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true));
      socket.on('error', () => done(false)).on('connect', () => socket.destroy());
    });
    if (answered === true) return;
    await sleep(50);
  }
  throw new Error(`sshd does not listen (exit code ${server.exitCode})`);
}
