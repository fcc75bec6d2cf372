import { ApiObject, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { describe, expect, test } from 'vitest';
import { assignWaves } from '../../lib/app/order.ts';
import { problemsOf, synthesized } from '../support/synthesized.ts';

function object(scope: Construct, id: string, kind = 'ConfigMap'): ApiObject {
  return new ApiObject(scope, id, { apiVersion: 'v1', kind, metadata: { name: id } });
}

/** The names of the objects of a chart, in the order of its files. */
function order(build: (chart: Chart) => void): string[] {
  const { result } = synthesized((app) => build(new Chart(app, 'chart')));
  return result.charts.flatMap(({ objects }) => objects.map(({ name }) => name));
}

describe('kinds', () => {
  test('what others are in or run as comes before what needs it', () => {
    const kinds = ['Job', 'Deployment', 'Service', 'ConfigMap', 'Secret', 'RoleBinding', 'Role'];
    kinds.push('ServiceAccount', 'NetworkPolicy', 'Namespace');
    const names = order((chart) => {
      for (const kind of kinds) object(chart, kind.toLowerCase(), kind);
    });
    expect(names).toEqual(kinds.map((kind) => kind.toLowerCase()).reverse());
  });

  test('a kind that nobody knows comes last', () => {
    expect(order((chart) => [object(chart, 'a', 'Certificate'), object(chart, 'z', 'CronJob')])).toEqual([
      'z',
      'a',
    ]);
  });

  test('objects of one kind are ordered by name, whatever order they were made in', () => {
    expect(order((chart) => ['b', '10', '2', 'a'].map((id) => object(chart, id)))).toEqual([
      '10',
      '2',
      'a',
      'b',
    ]);
  });
});

describe('dependencies', () => {
  test('an object comes after the object that it depends on', () => {
    expect(
      order((chart) => {
        const [first, second] = [object(chart, 'a'), object(chart, 'b')];
        first.addDependency(second);
      }),
    ).toEqual(['b', 'a']);
  });

  test('what depends on a construct comes after every object below it', () => {
    expect(
      order((chart) => {
        const group = new Construct(chart, 'group');
        object(group, 'x', 'Job');
        object(new Construct(group, 'inner'), 'y');
        object(chart, 'a').addDependency(group);
      }),
    ).toEqual(['y', 'x', 'a']);
  });

  test('every object below a construct comes after what the construct depends on', () => {
    expect(
      order((chart) => {
        const group = new Construct(chart, 'group');
        object(new Construct(group, 'inner'), 'a');
        object(group, 'b');
        group.node.addDependency(object(chart, 'z'));
      }),
    ).toEqual(['z', 'a', 'b']);
  });

  test('a dependency on what a construct is inside of, or on itself, is no circle', () => {
    expect(
      order((chart) => {
        const group = new Construct(chart, 'group');
        const inner = object(group, 'a');
        inner.addDependency(group);
        inner.addDependency(inner);
        object(group, 'b');
      }),
    ).toEqual(['a', 'b']);
  });

  test('a circle is refused with the paths of all that are in it', () => {
    const problems = problemsOf((app) => {
      const chart = new Chart(app, 'chart');
      const [a, b, c] = [object(chart, 'a'), object(chart, 'b'), object(chart, 'c')];
      a.addDependency(b);
      b.addDependency(c);
      c.addDependency(a);
    });
    expect(problems).toEqual([
      'constructs depend on each other in a circle: chart/a → chart/b → chart/c → chart/a; remove one of these dependencies',
    ]);
  });

  test('a circle by way of constructs is refused', () => {
    const [problem] = problemsOf((app) => {
      const chart = new Chart(app, 'chart');
      const [one, two] = [new Construct(chart, 'one'), new Construct(chart, 'two')];
      object(one, 'a');
      object(two, 'b');
      one.node.addDependency(two);
      two.node.addDependency(one);
    });
    expect(problem).toMatch(/circle: chart\/one\/a → .*chart\/two\/b → .*chart\/one\/a;/);
  });
});

describe('charts', () => {
  const charts = (build: (first: Chart, second: Chart) => void): string[] => {
    const { result } = synthesized((app) => build(new Chart(app, 'first'), new Chart(app, 'second')));
    return result.charts.map(({ name }) => name);
  };

  test('charts keep the order in which they were made', () => {
    expect(charts(() => {})).toEqual(['first', 'second']);
  });

  test('a chart comes after the chart that it depends on', () => {
    expect(charts((first, second) => first.addDependency(second))).toEqual(['second', 'first']);
  });

  test('a chart comes after the chart of an object that one of its own objects depends on', () => {
    expect(charts((first, second) => object(first, 'a').addDependency(object(second, 'b')))).toEqual([
      'second',
      'first',
    ]);
  });

  test('charts that depend on each other are refused', () => {
    const problems = problemsOf((app) => {
      const [first, second] = [new Chart(app, 'first'), new Chart(app, 'second')];
      first.addDependency(second);
      second.addDependency(first);
    });
    expect(problems.join()).toMatch(/circle.*first.*second/);
  });
});

describe('cost', () => {
  const FAST = 2000;

  test('a chain of 2,000 objects is ordered at once and takes no call stack', { timeout: FAST }, () => {
    const chart = new Chart(new Construct(undefined as never, ''), 'chart');
    const objects = Array.from({ length: 2000 }, (_, index) => object(chart, `o${index}`));
    objects.slice(1).forEach((one, index) => {
      objects[index]?.addDependency(one);
    });
    const waves = assignWaves(chart.node.findAll());
    expect(waves[0]?.wave).toBe(45 + 1999);
    expect(waves.at(-1)?.wave).toBe(45);
  });

  test('12 layers of 5 objects, each depending on all of the layer before, are ordered at once', {
    timeout: FAST,
  }, () => {
    const names = order((chart) => {
      let before: ApiObject[] = [];
      for (let layer = 11; layer >= 0; layer--) {
        const objects = [0, 1, 2, 3, 4].map((index) =>
          object(chart, `l${String(layer).padStart(2, '0')}-${index}`),
        );
        for (const one of objects) one.addDependency(...before);
        before = objects;
      }
    });
    expect(names).toHaveLength(60);
    expect(names.map((name) => name.slice(0, 3))).toEqual(
      Array.from({ length: 60 }, (_, index) => `l${String(11 - Math.floor(index / 5)).padStart(2, '0')}`),
    );
  });

  test('a chain of 300 stages of 10 objects each is ordered at once', { timeout: FAST }, () => {
    const chart = new Chart(new Construct(undefined as never, ''), 'chart');
    let before: Construct | undefined;
    for (let stage = 0; stage < 300; stage++) {
      const group = new Construct(chart, `stage${stage}`);
      for (let index = 0; index < 10; index++) object(group, `o${index}`);
      if (before !== undefined) group.node.addDependency(before);
      before = group;
    }
    const waves = assignWaves(chart.node.findAll()).map(({ wave }) => wave);
    expect(Math.max(...waves)).toBe(45 + 299);
  });
});
