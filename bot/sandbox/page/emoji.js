/** Emoji shortcodes to Unicode. Flags are computed from the two letters of the country. */

import { h } from "./dom.js";

const TABLE = `
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 clap 👏 wave 👋 raised_hands 🙌 pray 🙏 muscle 💪 point_right 👉
point_left 👈 point_up 👆 point_down 👇 handshake 🤝 writing_hand ✍️ eyes 👀 brain 🧠 bust_in_silhouette 👤
busts_in_silhouette 👥 detective 🕵️ smile 😄 smiley 😃 grinning 😀 grin 😁 joy 😂 slightly_smiling_face 🙂 wink 😉
blush 😊 thinking_face 🤔 thinking 🤔 neutral_face 😐 confused 😕 worried 😟 cry 😢 sob 😭 scream 😱 sunglasses 😎
heart_eyes 😍 rage 😡 sweat_smile 😅 face_with_monocle 🧐 zipper_mouth_face 🤐 robot_face 🤖 robot 🤖 skull 💀 ghost 👻
heart ❤️ broken_heart 💔 sparkles ✨ star ⭐ star2 🌟 fire 🔥 boom 💥 zap ⚡ tada 🎉 rocket 🚀 trophy 🏆 medal 🏅
dart 🎯 crystal_ball 🔮 white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ negative_squared_cross_mark ❎
warning ⚠️ no_entry ⛔ no_entry_sign 🚫 octagonal_sign 🛑 stop_sign 🛑 exclamation ❗ grey_exclamation ❕ question ❓
grey_question ❔ bangbang ‼️ interrobang ⁉️ information_source ℹ️ bulb 💡 mag 🔍 mag_right 🔎 lock 🔒 unlock 🔓 key 🔑
bell 🔔 no_bell 🔕 mega 📣 loudspeaker 📢 speech_balloon 💬 thought_balloon 💭 left_speech_bubble 🗨️ memo 📝 pencil 📝
pencil2 ✏️ page_facing_up 📄 page_with_curl 📃 newspaper 📰 rolled_up_newspaper 🗞️ bookmark 🔖 bookmark_tabs 📑 book 📖
books 📚 notebook 📓 clipboard 📋 pushpin 📌 round_pushpin 📍 paperclip 📎 link 🔗 scissors ✂️ file_folder 📁
open_file_folder 📂 card_index_dividers 🗂️ wastebasket 🗑️ inbox_tray 📥 outbox_tray 📤 email 📧 envelope ✉️ calendar 📅
date 📅 spiral_calendar_pad 🗓️ alarm_clock ⏰ stopwatch ⏱️ timer_clock ⏲️ hourglass ⌛ hourglass_flowing_sand ⏳ watch ⌚
clock1 🕐 clock3 🕒 clock6 🕕 clock9 🕘 bar_chart 📊 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 moneybag 💰
dollar 💵 yen 💴 euro 💶 pound 💷 credit_card 💳 bank 🏦 classical_building 🏛️ office 🏢 factory 🏭 house 🏠
construction 🚧 building_construction 🏗️ gear ⚙️ hammer_and_wrench 🛠️ wrench 🔧 hammer 🔨 shield 🛡️ crossed_swords ⚔️
balance_scale ⚖️ scales ⚖️ satellite 🛰️ satellite_antenna 📡 microscope 🔬 telescope 🔭 computer 💻 desktop_computer 🖥️
keyboard ⌨️ phone ☎️ battery 🔋 electric_plug 🔌 oil_drum 🛢️ atom_symbol ⚛️ radioactive_sign ☢️ biohazard_sign ☣️ ship 🚢
airplane ✈️ truck 🚚 car 🚗 train 🚆 anchor ⚓ world_map 🗺️ earth_africa 🌍 earth_americas 🌎 earth_asia 🌏
globe_with_meridians 🌐 compass 🧭 mountain ⛰️ volcano 🌋 sunny ☀️ cloud ☁️ umbrella ☂️ snowflake ❄️ rainbow 🌈 ocean 🌊
seedling 🌱 ear_of_rice 🌾 corn 🌽 soybean 🫘 pill 💊 syringe 💉 test_tube 🧪 black_flag 🏴 white_flag 🏳️
checkered_flag 🏁 triangular_flag_on_post 🚩 crossed_flags 🎌 red_circle 🔴 large_orange_circle 🟠 large_yellow_circle 🟡
large_green_circle 🟢 large_blue_circle 🔵 large_purple_circle 🟣 white_circle ⚪ black_circle ⚫ large_red_square 🟥
large_orange_square 🟧 large_yellow_square 🟨 large_green_square 🟩 large_blue_square 🟦 black_large_square ⬛
white_large_square ⬜ small_red_triangle 🔺 small_red_triangle_down 🔻 small_orange_diamond 🔸 small_blue_diamond 🔹
arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️ arrow_upper_right ↗️ arrow_lower_right ↘️ left_right_arrow ↔️
arrows_counterclockwise 🔄 repeat 🔁 rewind ⏪ fast_forward ⏩ arrow_forward ▶️ double_vertical_bar ⏸️ black_square_for_stop ⏹️
heavy_plus_sign ➕ heavy_minus_sign ➖ hash #️⃣ zero 0️⃣ one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣
nine 9️⃣ keycap_ten 🔟 100 💯 new 🆕 ok 🆗 sos 🆘 recycle ♻️ coffee ☕ cake 🍰 beers 🍻 dragon 🐉 dragon_face 🐲 bear 🐻
panda_face 🐼 eagle 🦅 elephant 🐘 tiger 🐯 owl 🦉 dove_of_peace 🕊️ cherry_blossom 🌸 lotus 🪷 maple_leaf 🍁`;

const NAMED = new Map();
{
  const words = TABLE.trim().split(/\s+/);
  for (let i = 0; i + 1 < words.length; i += 2) NAMED.set(words[i], words[i + 1]);
}

/** Country names that are shortcodes by themselves. */
const FLAG_ALIASES = { cn: "cn", us: "us", ru: "ru", jp: "jp", kr: "kr", de: "de", fr: "fr", it: "it", es: "es",
  gb: "gb", uk: "gb" };
/** Stand-ins from ordinary fonts. Emoji with a text form (those with a variation selector) need none. */
const PLAIN_SYMBOLS = { white_check_mark: "✔", x: "✖", star: "★", zap: "↯", exclamation: "!", question: "?" };
const REGIONAL_A = 0x1f1e6;

function flagCode(name) {
  const match = /^flag-([a-z]{2})$/.exec(name);
  if (match) return match[1] === "uk" ? "gb" : match[1];
  return FLAG_ALIASES[name] ?? null;
}

/** The Unicode text of a shortcode (without colons), or null where it is unknown. */
export function emojiText(name) {
  const plain = name.replace(/::skin-tone-[2-6]$/, "");
  if (NAMED.has(plain)) return NAMED.get(plain);
  const code = flagCode(plain);
  if (code === null) return null;
  return String.fromCodePoint(...[...code].map((c) => REGIONAL_A + c.charCodeAt(0) - 97));
}

/** Whether this machine draws `text` in colour (many Linux machines have no emoji font, Windows has no flags). */
function drawsInColour(text) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 24;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) return true;
  pen.font = "18px sans-serif";
  pen.fillText(text, 0, 19);
  const { data } = pen.getImageData(0, 0, 24, 24);
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 0 && Math.abs(data[i] - data[i + 2]) > 40) return true;
  }
  return false;
}

const support = {};
function supports(kind, sample) {
  support[kind] ??= drawsInColour(sample);
  return support[kind];
}

/**
 * A node for `:name:`; null where the shortcode is unknown. Without a font for it a flag becomes a small badge with
 * the country's letters, a symbol its plain form, and any other emoji stays its shortcode.
 */
export function emojiNode(name) {
  const text = emojiText(name);
  if (text === null) return null;
  const label = name.replaceAll("_", " ").replace(/^flag-/, "flag ");
  const flag = flagCode(name);
  const drawn = flag ? supports("flags", "🇨🇳") : supports("faces", "🔴");
  const props = { class: "emoji", role: "img", "aria-label": label, title: `:${name}:` };
  if (drawn) return h("span", { ...props, text });
  if (flag) return h("span", { ...props, class: "emoji flag-badge", text: flag.toUpperCase() });
  const symbol = PLAIN_SYMBOLS[name] ?? /^([\u2000-\u2bff])\ufe0f$/.exec(text)?.[1];
  if (symbol) return h("span", { ...props, text: symbol });
  return h("span", { ...props, class: "emoji emoji-code", text: `:${name}:` });
}

/** `text` with known `:shortcodes:` as emoji nodes, for plain_text objects. */
export function withEmoji(text) {
  return String(text ?? "").split(/(:[a-z0-9_+-]+:)/).map((part) => {
    const match = /^:([a-z0-9_+-]+):$/.exec(part);
    return (match && emojiNode(match[1])) || document.createTextNode(part);
  });
}
