import { exceptFromLinters, type LinterException } from 'keelson';
import { build } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import type { Row } from './row.ts';

/** A watched build with an exception that the compiler might refuse. */
const excepted =
  (exception: unknown): Build =>
  (app) =>
    exceptFromLinters(build(app).deployment, exception as LinterException);

export const linters: readonly Row[] = [
  [
    'a check without its linter',
    excepted({ checks: ['service-type'], reason: 'it is a test' }),
    'ci/build/Resource: checks: is not a check of a linter (got "service-type"); give the linter and the name of its check, such as kube-score/service-type; …',
  ],
  [
    'a check of a linter that is not known',
    excepted({ checks: ['checkov/CKV_K8S_31'], reason: 'it is a test' }),
    'ci/build/Resource: checks: is not a check of a linter (got "checkov/CKV_K8S_31"); …',
  ],
  [
    'two checks in one',
    excepted({ checks: ['kube-score/a,b'], reason: 'it is a test' }),
    'ci/build/Resource: checks: is not a check of a linter (got "kube-score/a,b"); …',
  ],
  [
    'no check',
    excepted({ checks: [], reason: 'it is a test' }),
    'ci/build/Resource: checks: is not a check of a linter (got nothing); …',
  ],
  [
    'an exception without a reason',
    excepted({ checks: ['kube-score/service-type'] }),
    'ci/build/Resource: reason: is not one line of text (got nothing); say on one line why the object is right as it is',
  ],
  [
    'a blank reason',
    excepted({ checks: ['kube-score/service-type'], reason: ' ' }),
    'ci/build/Resource: reason: is not one line of text (got " "); …',
  ],
  [
    'a reason of two lines',
    excepted({ checks: ['kube-score/service-type'], reason: 'a\nkube-score/b: c' }),
    'ci/build/Resource: reason: is not one line of text (got "a\\nkube-score/b: c"); …',
  ],
  [
    'no exception',
    excepted(undefined),
    'ci/build/Resource: checks: is not a check of a linter (got nothing); …',
  ],
];
