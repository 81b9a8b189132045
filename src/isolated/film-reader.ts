import type { ContentSource } from '../previews/content-source.ts';
import { serveContent } from './content-server.ts';
import { demuxerOf } from './film-containers.ts';
import { runLimited } from './limited-program.ts';

// The decoders of what cameras, phones and browsers make; the hundreds of others are never started.
const CODECS = [
  ...['h264', 'hevc', 'av1', 'libdav1d', 'libaom-av1', 'vp8', 'vp9', 'libvpx', 'libvpx-vp9', 'mpeg4', 'h263'],
  ...['mpeg1video', 'mpeg2video', 'msmpeg4', 'msmpeg4v2', 'wmv1', 'wmv2', 'wmv3', 'vc1', 'theora', 'mjpeg'],
  ...['flv', 'prores', 'dnxhd', 'vp6', 'vp6f', 'png', 'rawvideo', 'aac', 'mp3', 'mp3float', 'ac3', 'eac3'],
  ...[
    'opus',
    'libopus',
    'vorbis',
    'flac',
    'alac',
    'pcm_s16le',
    'pcm_s16be',
    'wmav2',
    'amrnb',
    'amrwb',
    'mp2',
  ],
].join(',');
const MOST_MEMORY = 2 * 1024 * 1024 * 1024;
const MOST_OUTPUT = 64 * 1024 * 1024;

/** One run of ffmpeg or ffprobe over a film. */
export interface FilmRun {
  /** The program. */
  readonly tool: string;
  /** The type that the film was found to have; it decides by which rules the film is read. */
  readonly mimeType: string;
  readonly before: readonly string[];
  /** What stands after the film’s address. */
  readonly after: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Runs ffmpeg or ffprobe over a film that it reads in ranges, so that hardly more than what is wanted is read, and that
 * can lead it nowhere else: to no file and no other address. Resolves with what the program said; for its failures see `runLimited`.
 */
export function readFilm(source: ContentSource, run: FilmRun): Promise<Buffer> {
  const { tool, mimeType, before, after, signal } = run;
  const demuxer = demuxerOf(mimeType);
  if (!demuxer) throw new TypeError(`${mimeType} is no film`);
  const rules = [
    ...['-v', 'error', '-protocol_whitelist', 'http,tcp', '-codec_whitelist', CODECS],
    ...['-format_whitelist', demuxer, '-f', demuxer],
  ];
  return serveContent(source, (url) =>
    runLimited(tool, {
      args: [...rules, ...before, '-i', url, ...after],
      mostMemory: MOST_MEMORY,
      mostOutput: MOST_OUTPUT,
      signal,
    }),
  );
}
