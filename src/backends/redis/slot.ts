/** How many hash slots a cluster has. */
const SLOTS = 16_384;

/** CRC16 of one byte each (XMODEM, polynomial 0x1021), as the cluster specification has it. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a cluster a key lives in: of its hash tag, `{…}`, where it has one that is not empty. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTag(key))) crc = (crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0);
  return (crc & 0xffff) % SLOTS;
}

function hashTag(key: string): string {
  const start = key.indexOf("{") + 1;
  const end = start === 0 ? -1 : key.indexOf("}", start);
  return end > start ? key.slice(start, end) : key;
}
