/** How ffmpeg names the container of each type of film: it is never left to guess, for a playlist names other files. */
const DEMUXERS: Readonly<Record<string, string>> = {
  'video/mp4': 'mov',
  'video/quicktime': 'mov',
  'video/x-m4v': 'mov',
  'video/3gpp': 'mov',
  'video/3gpp2': 'mov',
  'video/webm': 'matroska',
  'video/matroska': 'matroska',
  'video/x-matroska': 'matroska',
  'video/vnd.avi': 'avi',
  'video/x-msvideo': 'avi',
  'video/mp2t': 'mpegts',
  'video/mp1s': 'mpeg',
  'video/mp2p': 'mpeg',
  'video/mpeg': 'mpeg',
  'video/x-flv': 'flv',
  'video/x-ms-asf': 'asf',
  'video/ogg': 'ogg',
};

/** The name by which ffmpeg knows the container of films of this type; null for what is no film that is read. */
export function demuxerOf(mimeType: string): string | null {
  return Object.hasOwn(DEMUXERS, mimeType) ? (DEMUXERS[mimeType] ?? null) : null;
}
