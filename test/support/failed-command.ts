import { expect } from 'vitest';
import type { CommandRun } from './cli.ts';

/** Expects of a command that it failed with this exit code, and said why in one line and nothing else. */
export function expectFailure(
  { code, stdout, stderr }: CommandRun,
  expected: number,
  text: string | RegExp,
): void {
  expect(stderr).toMatch(/^imaginary: [^\n]+\n$/);
  expect(stderr).toMatch(text);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
}
