import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server that is reached by ssh. */
export interface SshServer {
  readonly url: URL;
  /** The address to connect to, which was checked. */
  readonly address: string;
  readonly privateKey: string;
  /** Lines of a known_hosts file. */
  readonly knownHosts: string;
}

/**
 * Calls a function with environment variables by which git's ssh has one key, knows one server, connects to its checked
 * address, and asks nothing. The files are in a private directory, which is removed afterwards.
 *
 * @see https://man.openbsd.org/ssh_config
 */
export async function withSshFiles<Result>(
  server: SshServer,
  use: (env: Readonly<Record<string, string>>) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-ssh-'));
  try {
    const write = async (name: string, text: string): Promise<string> => {
      const path = join(directory, name);
      await writeFile(path, text, { mode: 0o600, flag: 'wx' });
      return path;
    };
    // ssh reads no key without a line break at its end, and none with carriage returns.
    const key = await write('key', `${server.privateKey.replaceAll('\r', '').trimEnd()}\n`);
    const knownHosts = await write('known_hosts', `${server.knownHosts.trimEnd()}\n`);
    const config = await write('config', configuration(server, key, knownHosts));
    return await use({ GIT_SSH_COMMAND: `ssh -F ${shellQuoted(config)}`, GIT_SSH_VARIANT: 'ssh' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function configuration({ url, address }: SshServer, key: string, knownHosts: string): string {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  // The server is known by its name, also where the name is not what is connected to.
  const known = url.port === '' || url.port === '22' ? host : `[${host}]:${url.port}`;
  const options: Record<string, string> = {
    HostName: address,
    HostKeyAlias: known,
    IdentityFile: key,
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    ForwardAgent: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    ControlPath: 'none',
    ConnectTimeout: '10',
    ServerAliveInterval: '15',
    LogLevel: 'ERROR',
  };
  const lines = Object.entries(options).map(([name, value]) => `  ${name} "${value.replaceAll('%', '%%')}"`);
  return `Host *\n${lines.join('\n')}\n`;
}

/** The one text that a shell reads: git gives GIT_SSH_COMMAND to it. */
function shellQuoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
