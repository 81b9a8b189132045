import { beforeAll } from 'vitest';
import type { Backend } from '../support/backend.ts';
import { newGcsBucket } from '../support/backends/gcs-bucket.ts';
import { conformance } from './conformance.ts';
import { openVariables } from './open-variables.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await newGcsBucket();
});

conformance('Google Cloud Storage', () => openVariables('gcp', backend.env), {
  backend: () => backend,
  holdsSize: true,
});
