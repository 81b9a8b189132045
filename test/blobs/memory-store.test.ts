import { z } from 'zod';
import { conformance } from './conformance.ts';
import * as memory from './memory-store.ts';

// What CONTRIBUTING.md says of a new provider is enough to pass the suite that every provider passes.
conformance('the memory of a process', () => memory.open(z.object(memory.env).parse({})));
