"""Words to train small vocabularies on and to make prompts of, written for this in many scripts."""

ENGLISH = """a red bicycle in the snow, cinematic light, highly detailed photograph of an old lighthouse at night,
a fox in the forest, watercolor, soft morning fog over the mountains, portrait of a woman with a green hat,
don't stop, it's raining on the street, neon signs, 35mm film, 4k, blurry, low quality, text, watermark,
an astronaut rides a horse through a field of wheat, oil on canvas, dramatic shadows, the city wakes up slowly,
two children build a castle of sand while their grandmother's dog sleeps, we've seen it, you'll see, they're here, I'm sure he'd know"""

SENTENCES: dict[str, str] = {
    "german": "Ein rotes Fahrrad steht im Schnee, während die Straße hinter den Häusern über den Fluss führt. Größe, Übermut, Ärger, Öl.",
    "french": "Une bicyclette rouge près de l'église, où le garçon naïf mangeait une crème brûlée à Noël ; l'été s'achève déjà.",
    "spanish": "¿Dónde está la niña? ¡El corazón del bosque canta mañana! Un pingüino camina por la calle de piedra.",
    "polish": "Zażółć gęślą jaźń, źrebię biegnie przez łąkę o świcie, a wieś śpi jeszcze pod śniegiem.",
    "turkish": "İstanbul'da ışıklı bir akşam, çocuklar ağacın altında şarkı söylüyor, gökyüzü pembe ve sıcak.",
    "vietnamese": "Một chiếc xe đạp màu đỏ trong tuyết, ánh sáng dịu dàng của buổi sáng trên những ngọn núi xa.",
    "icelandic": "Þórður gekk yfir fjallið með æðarfugl í hendi þegar sólin reis úr hafinu.",
    "greek": "Ένα κόκκινο ποδήλατο στο χιόνι. Ο ΑΝΕΜΟΣ φυσά πάνω από τη θάλασσα, και οι γλάροι πετούν ψηλά.",
    "russian": "Красный велосипед стоит в снегу у старого маяка. Ёлка, объявление, щука; вечерний свет падает на площадь.",
    "ukrainian": "Їжак і ґава гуляють біля річки, а над містом сходить зоря; м'який світ.",
    "armenian": "Կարմիր հեծանիվ ձյան մեջ, լեռների վրա առավոտյան մառախուղ:",
    "georgian": "წითელი ველოსიპედი თოვლში, ძველი შუქურა ღამით ზღვასთან.",
    "hebrew": "אופניים אדומים בשלג, אור רך של בוקר מעל ההרים. שָׁלוֹם עולם",
    "arabic": "دراجة حمراء في الثلج، ضوء الصباح الناعم فوق الجبال. السَّلامُ عليكم، كتابٌ جميل",
    "persian": "دوچرخه‌ای قرمز در برف، می‌خواهم گل‌ها را ببینم.",
    "hindi": "बर्फ में एक लाल साइकिल, पहाड़ों पर सुबह की कोमल धुंध। क्षत्रिय ज्ञान श्री हिन्दी",
    "bengali": "তুষারে একটি লাল সাইকেল, পাহাড়ের উপর সকালের কুয়াশা।",
    "tamil": "பனியில் ஒரு சிவப்பு மிதிவண்டி, மலைகளின் மேல் காலை மூடுபனி.",
    "thai": "จักรยานสีแดงในหิมะ แสงเช้าอันนุ่มนวลเหนือภูเขา ผู้หญิงสวมหมวกสีเขียว",
    "khmer": "កង់ពណ៌ក្រហមនៅក្នុងព្រិល",
    "burmese": "နှင်းထဲက အနီရောင်စက်ဘီး",
    "chinese": "一只红色的自行车停在雪地里,清晨柔和的雾气笼罩着群山。夜晚的灯塔,细节丰富的照片。",
    "japanese": "雪の中の赤い自転車、朝霧のかかった山々。ネオンの看板とカタカナ、がんばれ!パーティー",
    "korean": "눈 속의 빨간 자전거, 산 위의 부드러운 아침 안개. 한글 조합 각 힣",
    "amharic": "በበረዶ ውስጥ ቀይ ብስክሌት",
    "tibetan": "གངས་ནང་གི་རྐང་འཁོར་དམར་པོ",
}

EMOJI = ["\U0001f6b2", "\U0001f6b2\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f3\ufe0f\u200d\U0001f308",
         "\U0001f1ea\U0001f1fa", "\U0001f1ef\U0001f1f5", "1\ufe0f\u20e3", "#\ufe0f\u20e3", "\u2764\ufe0f", "\u2764\ufe0f\u200d\U0001f525",
         "\U0001f9d1\U0001f3ff\u200d\U0001f680", "\U0001f469\u200d\u2695\ufe0f", "\U0001f408\u200d\u2b1b", "\u263a", "\U0001fae0", "\U0001f3f4\U000e0067"
         "\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"]

SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\u0085", "\u1680", "\u202f", "\x0b", "\x0c", "\u180e", "\ufeff",
          "\u200b", "\u2060", "\u00ad"]

ODD = ["\x00", "\x01", "\x07", "\x08", "\x1b[31m", "\x7f", "\x9f", "\u200d", "\u200c", "\u200e", "\u202e", "\ufffd", "\ufffe", "\U0010ffff", "\ue000", "\ud7ff",
       "&amp;", "&lt;b&gt;", "&#39;", "&nbsp;", "&quot;x&quot;", "<br/>", "%20", "\\n", "<|endoftext|>", "<|startoftext|>", "<|endof", "|>", "<pad>",
       "</s>", "<extra_id_0>", "<unk>", "\u2581", "</w>", "\u00df", "\u1e9e", "\u0130", "\u0131", "\u03a3", "\u03c2", "\ufb01", "\u2460", "\u00bd", "\u2167",
       "\u0663", "\u0967", "\u00b2", "\u2075", "\U0001d4d0", "\U0001d7d8", "\ufdfa", "\u3392", "\u212b", "e\u0301", "\u00e9", "o\u0323\u0302", "\u1100\u1161\u11a8",
       "\u0915\u094d\u0937", "\u2019s", "'S", "'ll", "''", "\u2026", "...", "--", "\u2014", "(((", "[]", "{}", "1.5", "1,000", "3\u00bd", "x2", "4K", "_", "__init__",
       "a_b", "@user", "#tag", "\u20ac5", "$5", "50%", "C++", "C#", "\u4e00\u4e8c\u4e09", "\u309a\u304b", "\uff21\uff22\uff23", "\uff11", "\uff08\uff09"]
