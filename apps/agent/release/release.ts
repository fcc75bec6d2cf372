import {
  type GitHubReleaseConfiguration,
  ReleaseVariables,
  SKIPPED_EXIT_CODE,
} from '../../../lib/agent/release.ts';
import { readConfiguration } from '../configuration.ts';
import { untaggedVersion } from '../git/untagged-version.ts';
import { describeError } from '../observe/log.ts';
import { type Program, type ProgramContext, UsageError } from '../program.ts';
import { findAssets } from './assets.ts';
import { GitHub } from './github.ts';
import { type Pauses, persist } from './persist.ts';
import { ReleaseMaker } from './release-maker.ts';
import { releasePlan } from './release-plan.ts';
import { writeTerminationMessage } from './termination-message.ts';
import { readToken } from './token.ts';

/** What tests set otherwise. */
export interface ReleaseSettings {
  readonly terminationLog?: string;
  readonly pauses?: Pauses;
  readonly idleMs?: number;
}

/** The program of a release Job: makes a release on GitHub for the commit that was tested. */
export const release: Program = async (args, context) =>
  makeRelease(await readConfiguration('GitHubRelease', args), context);

/** Makes the release that a configuration asks for, and returns the exit code. */
export async function makeRelease(
  configuration: GitHubReleaseConfiguration,
  context: ProgramContext,
  settings: ReleaseSettings = {},
): Promise<number> {
  const { log } = context;
  const say = (message: string): Promise<void> => writeTerminationMessage(message, settings.terminationLog);
  try {
    assertApiUrl(configuration.apiUrl);
    const skip = async (why: string): Promise<number> => {
      const message = `skipped: ${why}`;
      log.warn(message);
      await say(message);
      return SKIPPED_EXIT_CODE;
    };
    if (isUntagged(context)) return await skip('the commit has no tag that is a version');
    const token = await readToken(configuration.tokenFile);
    if (token === undefined) {
      const { tokenFile } = configuration;
      return await skip(
        `there is no token in ${tokenFile}: its Secret is not there, or lacks the key, or has no value for it`,
      );
    }
    const { message } = await made(configuration, token, context, settings);
    log.info(message);
    await say(message);
    return 0;
  } catch (error) {
    await say(describeError(error));
    throw error;
  }
}

async function made(
  configuration: GitHubReleaseConfiguration,
  token: string,
  { environment, log, signal }: ProgramContext,
  { pauses, idleMs }: ReleaseSettings,
): Promise<{ readonly message: string }> {
  const { assets, leftOut } = await findAssets(configuration);
  for (const file of leftOut) log.warn({ file }, 'left out');
  const plan = releasePlan(configuration, environment, assets);
  const { apiUrl, repository } = configuration;
  const github = new GitHub({ apiUrl, repository, token, signal, ...(idleMs !== undefined && { idleMs }) });
  const maker = new ReleaseMaker(github, plan, log);
  const work = { advance: () => maker.advance(), progress: () => github.changes };
  return persist(work, log, signal, pauses);
}

/** A commit whose version is made up, for want of a tag, is nothing that somebody wants to give out. */
function isUntagged({ environment }: ProgramContext): boolean {
  const commit = environment[ReleaseVariables.COMMIT] ?? '';
  return environment[ReleaseVariables.VERSION] === untaggedVersion(commit);
}

/** The token is sent there: to nobody in between. */
function assertApiUrl(apiUrl: string): void {
  const url = URL.canParse(apiUrl) ? new URL(apiUrl) : undefined;
  const local = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || local) return;
  throw new UsageError(`apiUrl is ${JSON.stringify(apiUrl)}: give the https URL of GitHub's API`);
}
