"""One week's news in eight languages, and the forms in which newsrooms publish it.

Most stories tell of one made-up event, an extension of a truce on export controls between China and the
United States, so that a question on it has something to find in every language; the others are of other things.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

__all__ = ["STORIES", "Story", "article_page", "atom", "listing_page", "rdf", "rss"]


@dataclass(frozen=True, slots=True)
class Story:
    """One piece of news."""

    slug: str
    title: str
    summary: str
    hours_ago: float = 3.0
    more: str = ""
    """What only the article's page says."""

    def published(self, now: datetime) -> datetime:
        """When it came out."""
        return (now - timedelta(hours=self.hours_ago)).replace(microsecond=0)


STORIES: dict[str, tuple[Story, ...]] = {
    "en": (
        Story(
            "truce-extended",
            "China and United States extend export control truce by one year",
            "The Ministry of Commerce said on Tuesday that the suspension of the October rare earth export controls "
            "will run until 10 November 2027, after talks with the United States Trade Representative in Kuala Lumpur. "
            "Licences granted before the deadline stay valid.",
            2,
            "Importers said that licences for heavy rare earths still take 45 working days on average.",
        ),
        Story(
            "tariff-stays",
            "White House keeps fentanyl tariff at 10 per cent as truce is extended",
            "The tariff on Chinese goods linked to fentanyl stays at 10 per cent for the length of the truce, a senior "
            "official told reporters, adding that the entity list rule of September is suspended for the same time.",
            4,
        ),
        Story(
            "soybeans",
            "Soybean purchases by China reach agreed 25 million tonnes",
            "Customs data show that China bought 25 million tonnes of American soybeans this year, the volume that both "
            "sides had written into the truce, and that Brazil remained the largest supplier.",
            20,
        ),
        Story(
            "monsoon",
            "Late monsoon floods farmland in two provinces",
            "Rivers rose after three days of rain. Local authorities moved 12,000 people to higher ground and opened "
            "schools as shelters while engineers inspected the dams upstream.",
            8,
        ),
        Story(
            "football",
            "Continental cup final goes to penalties after goalless draw",
            "Neither team scored in 120 minutes in front of 61,000 spectators. The goalkeeper saved two kicks and was "
            "named player of the match by the organisers.",
            11,
        ),
    ),
    "zh": (
        Story(
            "truce-zh",
            "商务部：中美出口管制暂停措施延长一年至2027年11月10日",
            "商务部新闻发言人表示，中美双方经吉隆坡磋商，同意将稀土相关物项出口管制措施继续暂停一年，至2027年11月10日止。"
            "已发放的许可证继续有效，审批工作依法依规进行。",
            3,
            "发言人强调，中方愿同美方一道落实两国元首共识，通过平等对话管控分歧。",
        ),
        Story(
            "rail-zh",
            "西部高铁新线开通运营 沿线城市迎来首批旅客",
            "国家铁路集团表示，新线全长三百六十公里，设计时速三百五十公里，将带动沿线旅游和消费，首日发送旅客约四万人次。",
            9,
        ),
    ),
    "ja": (
        Story(
            "truce-ja",
            "米中、輸出規制の停止を1年延長　レアアース巡り合意",
            "中国商務省は、米国との協議の結果、レアアースの輸出規制の停止を2027年11月10日まで1年延長すると発表した。"
            "日本企業への許可の審査は従来通り続くと説明している。",
            5,
        ),
        Story(
            "boj-ja",
            "日銀、政策金利を据え置き　物価見通しは小幅に引き上げ",
            "日本銀行は金融政策決定会合で政策金利を据え置いた。総裁は会見で、賃金と物価の好循環を見極めると述べた。",
            15,
        ),
    ),
    "ko": (
        Story(
            "truce-ko",
            "미중, 희토류 수출통제 유예 1년 연장 합의",
            "중국 상무부는 미국과의 협상 결과 희토류 수출통제 조치의 유예를 2027년 11월 10일까지 1년 연장한다고 밝혔다. "
            "한국 기업들은 허가 기간 단축을 요구하고 있다.",
            6,
        ),
    ),
    "ru": (
        Story(
            "truce-ru",
            "Китай и США продлили на год перемирие по экспортному контролю",
            "Министерство коммерции Китая сообщило, что приостановка ограничений на экспорт редкоземельных металлов "
            "продлена до 10 ноября 2027 года по итогам переговоров с американской стороной в Куала-Лумпуре.",
            6,
        ),
        Story(
            "rate-ru",
            "Банк России сохранил ключевую ставку на прежнем уровне",
            "Совет директоров регулятора отметил замедление инфляции и устойчивый спрос, следующее заседание назначено "
            "на декабрь, прогноз по росту экономики не изменился.",
            30,
        ),
    ),
    "ar": (
        Story(
            "truce-ar",
            "الصين والولايات المتحدة تمددان هدنة ضوابط التصدير عاما واحدا",
            "أعلنت وزارة التجارة الصينية تمديد تعليق القيود على تصدير المعادن الأرضية النادرة حتى العاشر من نوفمبر 2027 "
            "بعد محادثات مع الجانب الأميركي في كوالالمبور.",
            7,
        ),
    ),
    "he": (
        Story(
            "truce-he",
            "סין וארצות הברית האריכו בשנה את השעיית מגבלות הייצוא",
            "משרד המסחר הסיני הודיע כי השעיית המגבלות על ייצוא יסודות נדירים תוארך עד ה-10 בנובמבר 2027, בעקבות שיחות עם "
            "הצד האמריקאי בקואלה לומפור.",
            7,
        ),
    ),
    "hi": (
        Story(
            "truce-hi",
            "चीन और अमेरिका ने निर्यात नियंत्रण पर रोक एक साल बढ़ाई",
            "चीन के वाणिज्य मंत्रालय ने कहा कि दुर्लभ मृदा तत्वों के निर्यात नियंत्रण पर लगी रोक 10 नवंबर 2027 तक बढ़ाई गई है। "
            "भारतीय कंपनियाँ लाइसेंस की प्रतीक्षा कर रही हैं।",
            8,
        ),
    ),
    "th": (
        Story(
            "truce-th",
            "จีนและสหรัฐฯ ขยายเวลาระงับการควบคุมการส่งออกแร่หายากอีกหนึ่งปี",
            "กระทรวงพาณิชย์จีนระบุว่าการระงับมาตรการควบคุมการส่งออกแร่หายากจะขยายไปถึงวันที่ 10 พฤศจิกายน 2570 หลังการเจรจากับฝ่ายสหรัฐฯ",
            9,
        ),
    ),
}


def rss(
    stories: Sequence[Story], base: str, now: datetime, *, title: str = "News", encoding: str = "utf-8"
) -> bytes:
    """RSS 2.0 as content management systems write it: CDATA, escaped HTML, tracking parameters."""
    items = "".join(
        f"<item><title><![CDATA[{story.title}]]></title>"
        f"<link>{base}/{story.slug}?utm_source=rss&amp;utm_medium=feed</link>"
        f"<guid isPermaLink='false'>{story.slug}</guid>"
        f"<description>{html.escape(f'<p>{story.summary}</p><img src=x.jpg>')}</description>"
        f"<pubDate>{format_datetime(story.published(now))}</pubDate></item>"
        for story in stories
    )
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<rss version="2.0" '
        'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>{title}</title><link>{base}/</link><description>All the news</description>{items}</channel></rss>"
    ).encode(encoding, "xmlcharrefreplace")


def atom(stories: Sequence[Story], base: str, now: datetime, *, title: str = "News") -> bytes:
    """Atom 1.0, with content of its own beside the summary."""
    entries = "".join(
        f"<entry><id>tag:{story.slug}</id><title type='text'>{html.escape(story.title)}</title>"
        f"<link rel='alternate' type='text/html' href='{base}/{story.slug}'/>"
        f"<updated>{story.published(now).isoformat()}</updated>"
        f"<summary>{html.escape(story.summary)}</summary>"
        f"<content type='html'>{html.escape(f'<p>{story.summary}</p><p>{story.more}</p>')}</content></entry>"
        for story in stories
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>{title}</title><id>{base}/</id><updated>{now.isoformat()}</updated>{entries}</feed>"
    ).encode()


def rdf(stories: Sequence[Story], base: str, now: datetime, *, encoding: str = "utf-8") -> bytes:
    """RSS 1.0, as Japanese newspapers and ministries still publish it."""
    items = "".join(
        f'<item rdf:about="{base}/{story.slug}"><title>{html.escape(story.title)}</title>'
        f"<link>{base}/{story.slug}</link><description>{html.escape(story.summary)}</description>"
        f"<dc:date>{story.published(now).isoformat()}</dc:date></item>"
        for story in stories
    )
    sequence = "".join(f'<rdf:li rdf:resource="{base}/{story.slug}"/>' for story in stories)
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="{base}/"><title>News</title><link>{base}/</link><items><rdf:Seq>{sequence}'
        f"</rdf:Seq></items></channel>{items}</rdf:RDF>"
    ).encode(encoding, "xmlcharrefreplace")


def listing_page(stories: Sequence[Story], base: str, now: datetime, *, encoding: str = "utf-8") -> bytes:
    """A ministry's list of announcements, with its menus."""
    rows = "".join(
        f'<li><a href="{base}/t{story.published(now):%Y%m%d}_{number}.html" title="">{html.escape(story.title)}</a>'
        f"<span>{story.published(now):%Y-%m-%d}</span></li>"
        for number, story in enumerate(stories, start=1)
    )
    return (
        f'<!DOCTYPE html><html><head><meta charset="{encoding}"><title>Announcements</title></head><body>'
        '<nav><ul><li><a href="/">Home</a></li><li><a href="/about/">About the ministry and its work</a></li></ul></nav>'
        f'<div class="list"><ul>{rows}</ul></div><footer><a href="/legal">Legal information page</a></footer>'
        "</body></html>"
    ).encode(encoding, "xmlcharrefreplace")


def article_page(story: Story, now: datetime, *, encoding: str = "utf-8") -> bytes:
    """An article with what stands around one: menus, a cookie notice, a script."""
    text = " ".join([story.summary, story.more])
    return (
        f'<!DOCTYPE html><html><head><meta charset="{encoding}"><title>{html.escape(story.title)}</title>'
        f'<meta property="article:published_time" content="{story.published(now).isoformat()}">'
        "<script>var tracker = 1;</script></head><body><header><nav><a href='/'>Home</a></nav></header>"
        f"<main><article><h1>{html.escape(story.title)}</h1><p>{html.escape(text)}</p>"
        f"<p>{html.escape(text)}</p></article></main><div class='cookies'>We use cookies.</div>"
        "<footer>All rights reserved</footer></body></html>"
    ).encode(encoding, "xmlcharrefreplace")
