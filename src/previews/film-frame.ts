import { hasCode } from '../errors.ts';
import { readFilm } from '../isolated/film-reader.ts';
import type { ContentSource } from './content-source.ts';
import type { HostTools } from './host-tools.ts';

interface FrameOptions {
  readonly mimeType: string;
  readonly maxPixels: number;
  readonly side: number;
  readonly signal: AbortSignal;
  readonly tools: HostTools & { ffmpeg: string };
}

// Where nobody knows how long a film is, its title is over by then.
const USUAL_SECONDS = 1;
const TENTH = 0.1;
const MOST_SECONDS = 600;

/**
 * One frame of a film as a PNG whose longest side has at most so many pixels, upright: that of a tenth of its length, where
 * that can be told, of its first second otherwise. BAD_USER_INPUT for a film that has none or is damaged.
 */
export async function filmFrame(source: ContentSource, options: FrameOptions): Promise<Buffer> {
  const at = await whenToLook(source, options);
  const found = await frameAt(at, source, options).catch((error: unknown) => {
    if (at > 0 && hasCode(error, 'BAD_USER_INPUT')) return Buffer.alloc(0);
    throw error;
  });
  return found.length > 0 || at === 0 ? found : frameAt(0, source, options);
}

async function whenToLook(source: ContentSource, { mimeType, signal, tools }: FrameOptions): Promise<number> {
  if (tools.ffprobe === null) return USUAL_SECONDS;
  const after = ['-show_entries', 'format=duration', '-of', 'csv=p=0'];
  const said = await readFilm(source, { tool: tools.ffprobe, mimeType, before: [], after, signal });
  const seconds = Number.parseFloat(said.toString());
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * TENTH, MOST_SECONDS) : USUAL_SECONDS;
}

function frameAt(seconds: number, source: ContentSource, options: FrameOptions): Promise<Buffer> {
  const { mimeType, maxPixels, side, signal, tools } = options;
  const fit = `scale=w='min(${side},iw*sar)':h='min(${side},ih)':force_original_aspect_ratio=decrease,setsar=1`;
  return readFilm(source, {
    tool: tools.ffmpeg,
    mimeType,
    before: ['-nostdin', '-threads', '2', '-max_pixels', String(maxPixels), '-ss', seconds.toFixed(3)],
    after: [
      ...['-map', '0:v:0', '-frames:v', '1', '-an', '-sn', '-dn', '-map_metadata', '-1', '-vf', fit],
      ...['-threads', '1', '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'],
    ],
    signal,
  });
}
