import sharp from 'sharp';
import { type Account, type Answer, operationParts, sendParts } from './client.ts';

/** Sets the variable `file` as the own image. */
export const UPDATE_AVATAR = 'mutation ($file: Upload!) { updateAvatar(file: $file) { id avatarUrl } }';
/** Opaque red. */
export const RED = { r: 255, g: 0, b: 0 };
/** Opaque blue. */
export const BLUE = { r: 0, g: 0, b: 255 };

/** A picture of one colour, to be encoded. */
export const plain = (width: number, height: number, background = RED) =>
  sharp({ create: { width, height, channels: 3, background } });

/** Sends the bytes, called a PNG, as an account’s image. */
export function setAvatar(
  origin: string,
  { token }: Pick<Account, 'token'>,
  content: Buffer,
): Promise<Answer<{ updateAvatar: { avatarUrl: string } }>> {
  return sendParts(origin, token, [
    ...operationParts(UPDATE_AVATAR, { file: null }, { 0: ['variables.file'] }),
    { name: '0', filename: 'me.png', type: 'image/png', content },
  ]);
}

/** Sets an account’s image and fetches it back. */
export async function servedAvatar(origin: string, account: Pick<Account, 'token'>, content: Buffer) {
  const { data, text } = await setAvatar(origin, account, content);
  if (!data) throw new Error(text);
  const url = data.updateAvatar.avatarUrl;
  const answer = await fetch(url);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { url, answer, bytes, facts: await sharp(bytes).metadata() };
}
