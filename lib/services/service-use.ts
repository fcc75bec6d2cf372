import { Construct, type IConstruct } from 'constructs';
import { Notes } from '../kubernetes/notes.ts';
import { reportProblem } from '../kubernetes/problem.ts';
import type { TestService } from './test-service.ts';

const USES = new Notes<IConstruct>();
const ANSWERS = new Notes<() => void>();

/** Notes that a build uses a service: its gate decides then when the service runs. */
export function useService(service: IConstruct, build: IConstruct): void {
  USES.add(service, build);
  for (const answer of ANSWERS.of(service)) answer();
}

/** Does something when a build is given a service. */
export function whenServiceIsUsed(service: IConstruct, answer: () => void): void {
  ANSWERS.add(service, answer);
}

/** Whether a build uses a service. Known at synthesis, when every build has been made. */
export function isServiceUsed(service: IConstruct): boolean {
  return USES.of(service).length > 0;
}

/** Whether several builds use a service. Known at synthesis, when every build has been made. */
export function isServiceShared(service: IConstruct): boolean {
  return USES.of(service).length > 1;
}

/** The services among what was given as such; what is none is reported. */
export function soundServices(scope: IConstruct, given: Iterable<TestService>): TestService[] {
  return [...given].filter((service: TestService | null | undefined) => {
    if (Construct.isConstruct(service) && 'configuration' in service) return true;
    reportProblem(scope, {
      property: 'services',
      value: service,
      message: 'holds something that is no service',
      remedy: 'give services such as a MinioService or a RabbitService',
    });
    return false;
  });
}
