import { serve } from '../lib/processes.mjs';
import { download } from './download.mjs';
import { queries } from './queries.mjs';
import { uploads } from './uploads.mjs';

/** The client process, the same for every contender: one job at a time. */
const JOBS = { uploads, download, queries };

serve(({ kind, ...job }) => JOBS[kind](job));
