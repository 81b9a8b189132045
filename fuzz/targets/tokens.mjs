import fc from 'fast-check';
import { AccessTokens } from '../../dist/auth/access-tokens.js';
import { looksLikeApiKey, newApiKey, parseApiKey } from '../../dist/auth/api-keys.js';
import { newRefreshToken, parseRefreshToken } from '../../dist/auth/opaque-tokens.js';
import { SealedText } from '../../dist/auth/sealed-text.js';
import { nearly, refusedWith } from '../mutations.mjs';

const issuer = 'fuzzer';
const tokensOf = (secret) => new AccessTokens({ secrets: [secret], issuer, audience: issuer });
const ours = tokensOf('a secret of the fuzzer');
const id = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 24, maxLength: 24 });
const claims = fc.record({ userId: id, sessionId: id });
const key = fc.constant(null).map(() => newApiKey().text);
const refresh = fc.constant(null).map(() => newRefreshToken());
const sealed = new SealedText(['a secret of the fuzzer'], 'fuzzing');
const anything = fc.anything({ withNullPrototype: true, withBigInt: true });

/** Access tokens, API keys, refresh tokens and sealed texts. */
export const tokens = () => ({
  'of a session that is changed is UNAUTHENTICATED': fc.property(
    claims.chain((each) => nearly(ours.issue(each).text)),
    (text) => refusedWith(['UNAUTHENTICATED'], () => ours.verify(text)),
  ),
  'of a session may be anything, and is then UNAUTHENTICATED': fc.property(anything, (value) =>
    refusedWith(['UNAUTHENTICATED'], () => ours.verify(value)),
  ),
  'of another secret is UNAUTHENTICATED': fc.property(claims, fc.string({ minLength: 1 }), (each, secret) => {
    const { text } = tokensOf(secret).issue(each);
    return refusedWith(['UNAUTHENTICATED'], () => ours.verify(text));
  }),
  'that is an API key is one as it is and none when it is changed': fc.property(
    key.chain((text) => fc.tuple(fc.constant(text), nearly(text))),
    ([text, changed]) =>
      parseApiKey(text)?.text === text && looksLikeApiKey(text) && parseApiKey(changed) === null,
  ),
  'to refresh with is read as it is or not at all': fc.property(
    refresh.chain((token) => fc.tuple(fc.constant(token), fc.oneof(nearly(token.text), anything))),
    ([token, changed]) => {
      const read = parseRefreshToken(changed);
      const isItself = parseRefreshToken(token.text)?.tokenHash === token.tokenHash;
      return isItself && (read === null || (read.text === changed && read.tokenHash !== token.tokenHash));
    },
  ),
  'that was sealed opens where it belongs, unchanged': fc.property(
    fc
      .string({ unit: 'grapheme' })
      .chain((text) => fc.tuple(fc.constant(text), nearly(sealed.seal(text, 'here')))),
    fc.string().filter((where) => where !== 'here'),
    ([text, changed], elsewhere) => {
      const closed = sealed.seal(text, 'here');
      // Of base64 several texts are the same bytes.
      const opened = sealed.open(changed, 'here')?.text ?? text;
      return (
        sealed.open(closed, 'here')?.text === text &&
        opened === text &&
        sealed.open(closed, elsewhere) === null
      );
    },
  ),
});
