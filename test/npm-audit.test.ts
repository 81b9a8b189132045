import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../scripts/audit.mjs');

const PACKAGE = {
  name: 'leftish',
  'dist-tags': { latest: '1.0.0' },
  versions: { '1.0.0': { name: 'leftish', version: '1.0.0', dist: {} } },
};

const advisory = (severity: string) => ({
  leftish: [
    {
      // npm remembers what it once worked out for an advisory.
      id: severity.length,
      url: 'https://example.org/advisory',
      title: 'It pads on the wrong side',
      severity,
      vulnerable_versions: '<2.0.0',
      cwe: [],
      cvss: { score: 0, vectorString: null },
    },
  ],
});

describe('The check for known faults of dependencies', () => {
  let folder: string;
  let registry: Server;
  /** What the registry answers; null where it knows no such question. */
  let answer: object | null;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-'));
    const root = { name: 'project', version: '1.0.0', dependencies: { leftish: '1.0.0' } };
    const leftish = { version: '1.0.0', resolved: 'http://127.0.0.1/leftish-1.0.0.tgz' };
    const lock = { name: 'project', version: '1.0.0', lockfileVersion: 3, requires: true };
    await writeFile(join(folder, 'package.json'), JSON.stringify(root));
    await writeFile(
      join(folder, 'package-lock.json'),
      JSON.stringify({ ...lock, packages: { '': root, 'node_modules/leftish': leftish } }),
    );
    registry = createServer((request, response) => {
      const isQuestion = request.method === 'POST' && request.url?.endsWith('/advisories/bulk');
      request.resume();
      const body = request.url === '/leftish' ? PACKAGE : isQuestion ? answer : null;
      response.statusCode = body ? 200 : 405;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body ?? {}));
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  });

  afterAll(async () => {
    registry.closeAllConnections();
    registry.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('fails where one is high', async () => {
    answer = advisory('high');
    const { code, output } = await audit();
    expect(output).toMatch(/high: leftish \*: It pads on the wrong side/);
    expect(code).toBe(1);
  });

  it('tells of lesser ones and passes', async () => {
    answer = advisory('moderate');
    const { code, output } = await audit();
    expect(output).toMatch(/moderate: leftish/);
    expect(output).toMatch(/1 with known faults, 0 of them high or critical/);
    expect(code).toBe(0);
  });

  it('passes where there are none', async () => {
    answer = {};
    expect(await audit()).toMatchObject({ code: 0, output: expect.stringContaining('0 with known faults') });
  });

  it('says so, and passes, where the registry does not tell', async () => {
    answer = null;
    const { code, output } = await audit();
    expect(output).toMatch(/tells nothing of known faults, so none were looked for \(.*405/);
    expect(code).toBe(0);
  });

  function audit(): Promise<{ code: number; output: string }> {
    const { port } = registry.address() as AddressInfo;
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      npm_config_registry: `http://127.0.0.1:${port}/`,
      npm_config_fetch_retries: '0',
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [SCRIPT], { cwd: folder, env }, (error, stdout) =>
        resolve({ code: Number(error?.code ?? 0), output: stdout }),
      );
    });
  }
});
