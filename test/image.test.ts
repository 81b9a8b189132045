import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENVIRONMENT, readConfig } from '../src/config.ts';

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of a Dockerfile, stage by stage: comments left out, continued lines joined. */
function stagesOf(dockerfile: string): Instruction[][] {
  const lines = dockerfile.replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, '');
  const stages: Instruction[][] = [];
  for (const line of lines.split('\n').filter((text) => text.trim())) {
    const [, name = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, rest });
  }
  return stages;
}

/** The pairs of an ENV or LABEL instruction. */
const pairsOf = (rest: string): Record<string, string> =>
  Object.fromEntries(
    [...rest.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)].map(([, key, quoted, plain]) => [
      key,
      quoted ?? plain,
    ]),
  );

interface Service {
  readonly image?: string;
  readonly environment?: Record<string, string>;
  readonly ports?: string[];
  readonly networks?: string[];
  readonly volumes?: string[];
  readonly command?: string[];
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: string[] };
}

const KNOWN = new Set(Object.keys(ENVIRONMENT));
const dockerfile = read('Dockerfile');
const composeText = read('compose.yaml');
const stages = stagesOf(dockerfile);
const final = stages.at(-1) ?? [];
const all = (name: string, among = final) => among.filter((one) => one.name === name).map(({ rest }) => rest);
const only = (name: string) => {
  const found = all(name);
  expect(found, name).toHaveLength(1);
  return found[0] ?? '';
};
const imageEnvironment = () => pairsOf(all('ENV').join(' '));

describe('the Dockerfile', () => {
  test('What builds the program does not get into the image: its last stage only copies results.', () => {
    expect(stages.length).toBeGreaterThan(1);
    expect(all('RUN').join()).not.toContain('npm');
    expect(all('COPY').filter((rest) => rest.startsWith('--from=')).length).toBeGreaterThan(0);
  });

  test('The image has production packages only, and none of their install scripts ran.', () => {
    const installs = all('RUN', stages.flat()).filter((rest) => rest.includes('npm ci'));
    const source = /--from=(\S+) \/app\/node_modules/.exec(all('COPY').join('\n'))?.[1];
    const stage = stages.find(([from]) => from?.rest.endsWith(` AS ${source}`)) ?? [];
    expect(installs.length).toBe(2);
    for (const option of ['--omit=dev', '--ignore-scripts', 'rm -rf node_modules/@0q']) {
      expect(all('RUN', stage).join()).toContain(option);
    }
  });

  test('Every stage names the version of its base image, the Node that the project pins.', () => {
    const major = /\d+/.exec(JSON.parse(read('package.json')).devDependencies.node)?.[0];
    for (const [from] of stages)
      expect(from?.rest).toMatch(new RegExp(`^node:${major}-trixie-slim AS \\w+$`));
  });

  test('The process is not root, and says so by number.', () => {
    expect(only('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  test('The stop signal reaches the process itself, without a shell between them.', () => {
    expect(JSON.parse(only('CMD'))).toEqual([
      'node',
      '--no-memory-reducer',
      '--initial-heap-size=256',
      'dist/main.js',
    ]);
    expect(only('STOPSIGNAL')).toBe('SIGTERM');
    expect(all('ENTRYPOINT')).toEqual([]);
  });

  test('The health check asks for readiness with what the image has: node, and no shell.', () => {
    const [program, ...rest] = JSON.parse(only('HEALTHCHECK').replace(/^.*? CMD /, ''));
    expect(program).toBe('node');
    expect(rest.join(' ')).toContain('/health/ready');
  });

  test('Nothing comes into the image from an address.', () => {
    expect(all('ADD', stages.flat())).toEqual([]);
    expect(all('RUN', stages.flat()).join('\n')).not.toMatch(/https?:|curl|wget/);
  });

  test('What must survive the container lies in its volume.', () => {
    const [volume] = JSON.parse(only('VOLUME'));
    const { DATA_PATH, UPLOAD_PATH } = imageEnvironment();
    for (const path of [DATA_PATH, UPLOAD_PATH]) expect(`${path}/`).toMatch(new RegExp(`^${volume}/`));
  });

  test('It sets and reads only variables that the configuration knows.', () => {
    const names = stages.flatMap((stage) => Object.keys(pairsOf(all('ENV', stage).join(' '))));
    const reads = [...dockerfile.matchAll(/process\.env\.(\w+)/g)].map(([, name = '']) => name);
    expect(names).toContain('NODE_ENV');
    expect([...names, ...reads].filter((name) => !KNOWN.has(name))).toEqual([]);
  });

  test('Its labels say what package.json says.', () => {
    const { description, license } = JSON.parse(read('package.json'));
    expect(pairsOf(only('LABEL'))).toMatchObject({
      'org.opencontainers.image.description': description,
      'org.opencontainers.image.licenses': license,
    });
  });
});

describe('.dockerignore', () => {
  const rules = read('.dockerignore')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));

  test('Nothing gets into the build but what it names, and it names no data, secret or history.', () => {
    expect(rules[0]).toBe('*');
    const named = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    expect(named.filter((name) => /^[.*/]|^(?:data|dist|node_modules|test)\b/.test(name))).toEqual([]);
  });
});

describe('compose.yaml', () => {
  const compose: { services: Record<string, Service>; [part: string]: Record<string, unknown> } =
    parse(composeText);
  const { api = {}, mongo = {} } = compose.services;

  test('It sets and asks for only variables that the configuration knows.', () => {
    const set = Object.values(compose.services).flatMap((service) => Object.keys(service.environment ?? {}));
    const asked = [...composeText.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name);
    expect(set).toContain('MONGODB_URI');
    expect([...set, ...asked].filter((name) => !KNOWN.has(name))).toEqual([]);
  });

  test('The API starts with what the image and it set, once there is a secret.', () => {
    const environment = { ...imageEnvironment(), ...api.environment, JWT_SECRET: 'x'.repeat(64) };
    expect(readConfig(environment)).toMatchObject({ isProduction: true, HOST: '0.0.0.0', PORT: 4000 });
  });

  test('Without a secret it stops and says how to make one.', () => {
    expect(api.environment?.JWT_SECRET).toMatch(/^\$\{JWT_SECRET:\?.*openssl rand -base64 48.*\}$/);
  });

  test('By default only this machine reaches the API, and nobody the database.', () => {
    expect(api.ports).toEqual([`$\{HOST:-127.0.0.1}:$\{PORT:-4000}:4000`]);
    expect(mongo.ports).toBeUndefined();
    expect(mongo.networks?.map((name) => compose.networks?.[name])).toEqual([{ internal: true }]);
  });

  test('A stop waits longer than running transfers may take, with 20 s to close.', () => {
    const seconds = Number(/^(\d+)s$/.exec(api.stop_grace_period ?? '')?.[1]);
    expect(seconds).toBeGreaterThan(readConfig({}).SHUTDOWN_GRACE_SECONDS + 20);
  });

  test('The server, its initiation and the API’s URI name one replica set of one member.', () => {
    const name = /replicaSet=(\w+)/.exec(api.environment?.MONGODB_URI ?? '')?.[1];
    const check = mongo.healthcheck?.test.at(-1) ?? '';
    expect(mongo.command?.join(' ')).toContain(`--replSet ${name} `);
    expect(check).toContain(`_id: '${name}'`);
    expect(check.match(/host: '[\w:]+'/g)).toEqual(["host: 'mongo:27017'"]);
  });

  test('Every volume is named, declared and outlives its container.', () => {
    const used = [api, mongo].flatMap((service) => service.volumes ?? []).map((text) => text.split(':')[0]);
    expect(used.sort()).toEqual(Object.keys(compose.volumes ?? {}).sort());
  });

  test('No image is taken at whatever version is latest.', () => {
    expect(mongo.image).toMatch(/^mongo:8\b/);
    expect(composeText).not.toContain(':latest');
  });
});
