/** Texts of many kinds, made the same on every run, to hold size estimates against real tokenizers. */

let seed = 20_260_728;

/** A number from 0 up to 1, the same sequence on every run. */
function random(): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
  return seed / 0x7fffffff;
}

const integer = (below: number) => Math.floor(random() * below);
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));
const letters = (count: number, alphabet: string) =>
  times(count, () => alphabet[integer(alphabet.length)]).join("");
const lower = "abcdefghijklmnopqrstuvwxyz";
const hex = "0123456789abcdef";

const prose =
  "A tool's large result stays on the server; the model gets a reference and a short preview, and any other " +
  "server on the same store can use the reference. It was the best of times, it was the worst of times, and " +
  "the people who lived in the city had learned to wait for the rain before they spoke about the harvest. ";

const code = `export function estimate(text: string): number {
  let total = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80 && TABLE[code] !== undefined) total += TABLE[code];
    else throw new RangeError(\`unexpected \${code} at \${i}\`);
  }
  return Math.ceil(total / PER_UNIT); // never below the real count
}
`;

const rows = times(120, (id) => ({
  id,
  name: ["Alice", "Bob", "Carol", "Mallory"][integer(4)],
  score: integer(1000) / 10,
  active: random() > 0.5,
}));

/** Kinds that answers are ordinarily made of; the estimate must not be far above their real size. */
export const ordinary: Readonly<Record<string, string>> = {
  "JSON rows": JSON.stringify(rows),
  "JSON rows, indented": JSON.stringify(rows, null, 2),
  "JSON rows of floats": JSON.stringify(
    times(120, () => ({ x: random(), y: random() * 1e4, n: integer(1e6) })),
  ),
  integers: JSON.stringify(times(400, (i) => i * 7919)),
  "small integers": JSON.stringify(times(400, () => integer(10))),
  floats: JSON.stringify(times(200, random)),
  "English prose": prose.repeat(8),
  "source code": code.repeat(8),
  "source code in JSON": JSON.stringify(code.repeat(8)),
  French:
    "Le serveur garde les résultats volumineux ; à bientôt, très chère élève, où êtes-vous allée ? ".repeat(
      12,
    ),
  German: "Der Zwischenspeicher behält große Ergebnisse; schöne Grüße aus München, bis übermorgen! ".repeat(
    12,
  ),
  Chinese:
    "缓存把大型结果保存在服务器上，模型只得到一个引用和一个预览。北京是中国的首都，天气预报说明天会下雨。".repeat(
      10,
    ),
  Japanese: "キャッシュは大きな結果を保存し、モデルは参照だけを受け取ります。明日は雨が降るでしょう。".repeat(
    10,
  ),
  Korean: "캐시는 큰 결과를 서버에 보관하고 모델은 참조만 받습니다. 내일은 비가 올 것으로 예상됩니다.".repeat(
    10,
  ),
  URLs: JSON.stringify(
    times(60, (i) => `https://example.com/api/v2/users/${i}/orders?limit=${i * 3}&sort=desc`),
  ),
  dates: JSON.stringify(times(100, (i) => new Date(1.7e12 + i * 1e7))),
  UUIDs: JSON.stringify(times(60, () => [8, 4, 4, 4, 12].map((n) => letters(n, hex)).join("-"))),
};

/** Kinds on which the estimate must err on the safe side, by however much. */
export const unusual: Readonly<Record<string, string>> = {
  base64: Buffer.from(times(3000, () => integer(256))).toString("base64"),
  hex: letters(3000, hex),
  "hex, upper case": letters(3000, hex.toUpperCase()),
  "random letters": letters(3000, lower),
  "random capitals": letters(3000, lower.toUpperCase()),
  "random letters and digits": letters(3000, lower + lower.toUpperCase() + hex),
  digits: letters(3000, "0123456789"),
  punctuation: letters(3000, "!@#$%^&*()_+-={}[]|\\:;\"'<>,.?/~`"),
  "one letter": "a".repeat(3000),
  "one capital": "Z".repeat(3000),
  zeros: "0".repeat(3000),
  spaces: " ".repeat(3000),
  "line ends": "\n".repeat(3000),
  "white space": letters(3000, " \n\t"),
  "letters with spaces": "a ".repeat(1500),
  "control characters in JSON": JSON.stringify(letters(2000, '\u0001\u0002\n"\\')),
  Arabic:
    "تحتفظ الذاكرة بالنتائج الكبيرة على الخادم ويحصل النموذج على مرجع ومعاينة فقط. القاهرة هي عاصمة مصر.".repeat(
      8,
    ),
  Russian:
    "Кэш хранит большие результаты на сервере, а модель получает только ссылку. Завтра обещают дождь.".repeat(
      8,
    ),
  Hindi: "कैश बड़े परिणाम सर्वर पर रखता है और मॉडल को केवल एक संदर्भ मिलता है। दिल्ली भारत की राजधानी है।".repeat(8),
  Thai: "แคชเก็บผลลัพธ์ขนาดใหญ่ไว้บนเซิร์ฟเวอร์ และโมเดลได้รับเพียงการอ้างอิงและตัวอย่าง".repeat(8),
  Hebrew: "המטמון שומר תוצאות גדולות בשרת והמודל מקבל רק הפניה ותצוגה מקדימה".repeat(8),
  Greek: "Η κρυφή μνήμη διατηρεί τα μεγάλα αποτελέσματα στον διακομιστή".repeat(8),
  Georgian: "ქეში ინახავს დიდ შედეგებს სერვერზე".repeat(8),
  emoji: "😀🎉🚀❤️👍🏽👨‍👩‍👧‍👦🇩🇪✨🔥".repeat(50),
  "rare emoji": times(500, () => String.fromCodePoint(0x1f300 + integer(0x2ff))).join(""),
  "rare Chinese": times(500, () => String.fromCodePoint(0x20000 + integer(0xa000))).join(""),
  symbols: times(1000, () => String.fromCharCode(0x2100 + integer(0x600))).join(""),
  "private use": times(1000, () => String.fromCharCode(0xe000 + integer(0x700))).join(""),
  "combining marks": times(1000, () => `e${String.fromCharCode(0x300 + integer(0x60))}`).join(""),
};
