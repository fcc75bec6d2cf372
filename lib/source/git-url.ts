import { whenKnown } from '../kubernetes/deferred.ts';
import { hidden, type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';

/** Hosts that are no git servers: instance metadata, the machine itself, the Kubernetes API. */
const FORBIDDEN_HOST =
  /^(localhost|.*\.localhost|127\..*|0\..*|169\.254\..*|\[::.*\]|\[fe[89ab].*\]|metadata\.google\.internal|kubernetes(\.default(\.svc(\..*)?)?)?)$/;

/** A git URL, with the short ssh form (`git@host:path`) written in full. With a second @, it is a password in one. */
export function fullGitUrl(url: string): string {
  return whenKnown(typeof url === 'string' ? url : '', longForm);
}

function longForm(url: string): string {
  return url.replace(/^([\w.-]+)@([\w.-]+):(?!\/)([^@]+)$/, 'ssh://$1@$2/$3');
}

/**
 * What is wrong with a git URL. Only transports that run no command of the URL's choosing are accepted
 * (git's `ext::` runs one, `file:` reads the controller's own disk), and no URL may carry a password.
 *
 * @see https://git-scm.com/docs/git#Documentation/git.txt-GITALLOWPROTOCOL
 */
export function gitUrlProblems(property: string, text: string, allowHttp: boolean): Problem[] {
  return problemsWhenKnown(property, text, (known) => urlProblems(property, known, allowHttp));
}

function urlProblems(property: string, text: string, allowHttp: boolean): Problem[] {
  const schemes = allowHttp ? ['https:', 'ssh:', 'http:'] : ['https:', 'ssh:'];
  // What stands before an @, or after ? or #, may be a credential, whatever is wrong with the rest.
  const shown = text.replace(/^.*@/s, '***@').replace(/([?#]).*$/s, '$1***');
  const problem = (message: string, remedy: string, value: unknown = shown): Problem[] => [
    { property, value, message, remedy },
  ];
  if (/[\u0000-\u0020\u007f]/.test(text))
    return problem('holds a space or control character', 'give the URL as it is cloned');
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return problem('is not a URL', 'give an https:// or ssh:// URL');
  }
  if (!schemes.includes(url.protocol)) {
    return problem(`has the scheme ${url.protocol.slice(0, 20)}`, 'give an https:// or ssh:// URL');
  }
  if (url.password !== '' || (url.protocol !== 'ssh:' && url.username !== '')) {
    return problem('carries a credential', 'take it out of the URL and give it as credential', hidden);
  }
  if (url.search !== '' || url.hash !== '') {
    return problem(
      'has a query or fragment, where credentials hide',
      'give the URL as it is cloned, without "?" and "#"',
      hidden,
    );
  }
  if (url.username.startsWith('-') || url.hostname.startsWith('-')) {
    return problem(
      'has a host or user that starts with "-", which ssh takes for an option',
      'give the real host',
    );
  }
  if (namesNoServer(url)) {
    return problem('names a host that is no git server', 'give the host of the git server');
  }
  if (url.pathname.length < 2) return problem('names no repository', 'add the path of the repository');
  return [];
}

/** Whether a URL leads to instance metadata, to the machine itself or to the Kubernetes API, however it is written. */
export function namesNoServer(url: URL): boolean {
  return FORBIDDEN_HOST.test(plainHost(url));
}

/** The host as connections see it: numbers as an address, no dot at the end. Loopback stands for a host that is none. */
function plainHost({ hostname }: URL): string {
  try {
    // Only for http does URL read 2130706433 as 127.0.0.1; ssh reads it so too.
    return new URL(`http://${hostname}`).hostname.replace(/\.$/, '');
  } catch {
    return 'localhost';
  }
}
