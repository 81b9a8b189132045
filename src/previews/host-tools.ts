import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { canDecode } from '../images/image-loaders.ts';
import { demuxerOf } from '../isolated/film-containers.ts';

/** The programs of this host that previews are made with, by their paths; null for one that is not there. */
export interface HostTools {
  readonly pdftoppm: string | null;
  readonly ffmpeg: string | null;
  readonly ffprobe: string | null;
}

const PDF = 'application/pdf';
const ASKED_MS = 10_000;

const run = promisify(execFile);

/** Looks for the programs on the PATH, this process’s own unless another is named; one that does not start is not there. */
export async function findTools(path?: string): Promise<HostTools> {
  const [pdftoppm, ffmpeg, ffprobe] = await Promise.all([
    findTool('pdftoppm', '-v', path),
    findTool('ffmpeg', '-version', path),
    findTool('ffprobe', '-version', path),
  ]);
  return { pdftoppm, ffmpeg, ffprobe };
}

/** Whether pictures can be made of contents of this type with these programs. */
export function canPreview(mimeType: string, tools: HostTools): boolean {
  if (canDecode(mimeType)) return true;
  return isPreviewable(mimeType) && missingToolFor(mimeType, tools) === null;
}

/** The name of the program that previews of this type need and that is not there; null when none is missing. */
export function missingToolFor(mimeType: string, tools: HostTools): string | null {
  if (mimeType === PDF && tools.pdftoppm === null) return 'pdftoppm';
  if (demuxerOf(mimeType) !== null && tools.ffmpeg === null) return 'ffmpeg';
  return null;
}

function isPreviewable(mimeType: string): boolean {
  return mimeType === PDF || demuxerOf(mimeType) !== null;
}

/** The path of one program; `question` is what it is started with to see whether it does. */
export async function findTool(name: string, question: string, path?: string): Promise<string | null> {
  const options = { timeout: ASKED_MS, cwd: '/', ...(path !== undefined && { env: { PATH: path } }) };
  try {
    const { stdout } = await run('/bin/sh', ['-c', 'command -v -- "$0"', name], options);
    const found = stdout.trim();
    // A relative entry of the PATH is no place to run programs from.
    if (!found.startsWith('/')) return null;
    await run(found, [question], options);
    return found;
  } catch {
    return null;
  }
}
