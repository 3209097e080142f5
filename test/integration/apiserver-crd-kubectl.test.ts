/** CustomResourceDefinitions with the real kubectl, the newest and one from 2020. */
import t from 'tap';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import { startFixture } from '../support/apiserver-fixture.js';
import type { CommandResult } from '../support/apiserver-fixture.js';
import { cronTabDefinition } from '../support/custom-definitions.js';

const manifest = `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: { name: mine }
spec: { cronSpec: "* * * * */5", replicas: 2, steps: [{ name: one, seconds: 5 }] }
`;

for (const version of ['v1.35', 'v1.20'] as const) {
  await t.test(`kubectl ${version}`, async (t) => {
    const fixture = await startFixture();
    t.teardown(() => fixture.stop());
    const binary = await unpackTool(version, 'kubectl');
    const kubectl = (args: string, stdin?: string): Promise<CommandResult> =>
      fixture.kubectl(binary, args.split(' '), stdin);
    const ok = async (args: string, expected: RegExp | string, stdin?: string): Promise<string> => {
      const { code, stdout, stderr } = await kubectl(args, stdin);
      t.equal(code, 0, `${args}: ${stderr}`);
      t.match(stdout + stderr, expected, args);
      return stdout;
    };

    await ok('create -f -', 'crontabs.stable.example.com created', JSON.stringify(cronTabDefinition()));
    await ok(
      'wait --for=condition=Established crd/crontabs.stable.example.com --timeout=10s',
      'condition met',
    );
    await ok('get crd', /^NAME +CREATED AT\ncrontabs\.stable\.example\.com +20\d\d-/);
    await ok(
      'api-resources --api-group=stable.example.com',
      /crontabs +ct +stable.example.com\/v1 +true +CronTab/,
    );
    await ok('apply -f -', 'crontab.stable.example.com/mine created', manifest);
    await ok('apply -f -', 'crontab.stable.example.com/mine unchanged', manifest);
    await ok(
      'apply -f -',
      'crontab.stable.example.com/mine configured',
      manifest.replace('replicas: 2', 'replicas: 3'),
    );
    await ok('get ct', /^NAME +SPEC +REPLICAS +AGE\nmine +\* \* \* \* \*\/5 +3 +\d+s\n$/);
    await ok('get crontabs -o wide', /NAME +SPEC +REPLICAS +IMAGE +AGE\nmine .* busybox /);
    await ok('get all', /crontab.stable.example.com\/mine/);
    await ok('explain crontab.spec.cronSpec', /When it runs\./);
    await ok('explain crontab', /KIND: +CronTab\nVERSION: +(stable.example.com\/)?v1/);
    await ok('scale ct/mine --replicas=4', 'crontab.stable.example.com/mine scaled');
    await ok('label ct mine a=b', 'labeled');
    await ok('patch ct mine --type=merge -p {"spec":{"mode":"Slow"}}', 'patched');
    await ok('describe ct mine', /Mode: +Slow/);
    await ok('edit ct mine', /cancelled, no changes made/);
    await ok('apply --server-side --force-conflicts -f -', 'serverside-applied', manifest);
    await ok('apply --server-side -f -', 'serverside-applied', manifest.replace('name: one', 'name: two'));
    // Newer ones take over what they applied from the client's side, and so give it up when they apply something else.
    await ok('get ct mine -o jsonpath={.spec.steps[*].name}', version === 'v1.35' ? /^two$/ : /^one two$/);
    const wrong = await kubectl('apply -f -', manifest.replace('"* * * * */5"', '5'));
    t.not(wrong.code, 0);
    t.match(wrong.stderr, /spec\.cronSpec/);
    await ok('delete ct mine', 'deleted');
    await ok('delete crd crontabs.stable.example.com', 'deleted');
    t.match(
      (await kubectl('get ct')).stderr,
      /the server doesn't have a resource type "ct"|could not find the requested resource/,
    );
    t.strictSame(fixture.errors, []);
  });
}
