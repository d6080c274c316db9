/** The first `most` UTF-16 units of a text, or one less where that would cut a character in two. */
export function clip(text: string, most: number): string {
  if (text.length <= most) return text;
  const code = text.charCodeAt(most - 1);
  const isFirstHalf = code >= 0xd800 && code <= 0xdbff;
  return text.slice(0, isFirstHalf ? most - 1 : most);
}
