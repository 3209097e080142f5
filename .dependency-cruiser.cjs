/**
 * The directions of the house: `common <- api <- client <- programs`. Each rule says how to mend a breach;
 * test/unit/house/dependency-rules.test.ts plants one breach per rule and sees it reported.
 */
const programs = [
  'apiserver',
  'scheduler',
  'controller-manager',
  'kubelet',
  'proxy',
  'dns',
  'cni-plugins',
  'cli',
];
const anyProgram = `^(${programs.join('|')})/`;

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two files need each other. Move what both need into a third file that imports neither.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'common-is-the-floor',
      severity: 'error',
      comment:
        'common/ knows nothing of Kubernetes. Move the code up into api/, or pass what it needs as an argument.',
      from: { path: '^common/' },
      to: { path: `^(api|client|proto)/|${anyProgram}` },
    },
    {
      name: 'api-is-pure',
      severity: 'error',
      comment: 'api/ imports only common/. Move code that talks to a server into client/ or into a program.',
      from: { path: '^api/' },
      to: { path: `^(client|proto)/|${anyProgram}` },
    },
    {
      name: 'api-does-no-io',
      severity: 'error',
      comment:
        'api/ is pure. Only api/schema/load.ts and the generator read files; pass text or bytes instead.',
      from: { path: '^api/', pathNot: '^api/schema/(load\\.ts|generate/)' },
      to: { dependencyTypes: ['core'], path: '^(node:)?(fs|net|http|https|http2|child_process|dgram)' },
    },
    {
      name: 'client-below-programs',
      severity: 'error',
      comment:
        'client/ is used by the programs and must not know them. Turn the dependency round with an interface in client/.',
      from: { path: '^client/' },
      to: { path: anyProgram },
    },
    {
      name: 'programs-meet-through-protocols',
      severity: 'error',
      comment:
        'A program never imports another program: they meet through HTTP, CRI or CNI. Move shared code to common/, api/ or client/.',
      from: { path: `^(${programs.join('|')})/` },
      to: { path: anyProgram, pathNot: '^$1/' },
    },
    {
      name: 'cni-plugins-stand-alone',
      severity: 'error',
      comment:
        'The runtime runs CNI plugins as processes; they import only cni-plugins/ and common/. Copy the two lines, or move them to common/.',
      from: { path: '^cni-plugins/' },
      to: { path: '^(api|client|proto)/' },
    },
    {
      name: 'backends-see-only-the-store',
      severity: 'error',
      comment:
        'A storage backend sees apiserver/storage/store.ts and read-range.ts, the shared backends/multiversion/ and common/ only. Put what it needs into the Store interface.',
      from: { path: '^apiserver/storage/backends/([^/]+)/' },
      to: {
        path: '^(api|client|apiserver)/',
        pathNot: '^apiserver/storage/((store|read-range)\\.ts|record-file/|backends/(multiversion|$1)/)',
      },
    },
    {
      name: 'backends-are-named-in-the-registry',
      severity: 'error',
      comment: 'Only apiserver/storage/backends/registry.ts names backends. Ask it for the store instead.',
      from: { path: '^apiserver/', pathNot: '^apiserver/storage/backends/' },
      to: { path: '^apiserver/storage/backends/', pathNot: '^apiserver/storage/backends/registry\\.ts$' },
    },
    {
      name: 'scheduler-plugins-see-the-framework',
      severity: 'error',
      comment:
        'A scheduler plugin sees framework/ and api/ only, so that it can be tested alone. Pass the rest through the framework handle.',
      from: { path: '^scheduler/plugins/', pathNot: '^scheduler/plugins/registry\\.ts$' },
      to: { path: '^(client|common|scheduler)/', pathNot: '^scheduler/(framework|plugins)/' },
    },
    {
      name: 'grpc-in-adapters-only',
      severity: 'error',
      comment:
        'gRPC stays in kubelet/cri, the etcd backend, proto/ and other gRPC adapters. Add a method to the port instead.',
      from: {
        path: `${anyProgram}|^(common|api|client)/`,
        pathNot: '^(kubelet/cri/|kubelet/probes/check-grpc\\.ts|apiserver/storage/backends/etcd/|proto/)',
      },
      to: { path: 'node_modules/@grpc/' },
    },
    {
      name: 'etcd3-is-for-tests',
      severity: 'error',
      comment:
        'npm etcd3 is the independent reader in tests, not for the data path (see docs/divergence-from-kubernetes.md).',
      from: { pathNot: '^test/' },
      to: { path: 'node_modules/etcd3/' },
    },
    {
      name: 'nothing-depends-on-tests',
      severity: 'error',
      comment: 'Code that ships must not import from test/. Move the helper next to its user.',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'The import cannot be resolved: mend the path or add the package to package.json.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // Without this, imports of types alone would escape the rules.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.build|\\.tap)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
