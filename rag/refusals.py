"""What is said when nothing here answers a question, in the question's language."""

from __future__ import annotations

from index.language import Language

NOTHING = {
    Language.KOREAN: "여기 있는 논문에는 이 질문에 대한 답이 없습니다.",
    Language.ENGLISH: "Nothing here answers that.",
    Language.JAPANESE: "ここにある論文には、この質問への答えがありません。",
    Language.CHINESE: "这里的论文没有回答这个问题。",
    Language.GERMAN: "Hier beantwortet kein Artikel diese Frage.",
    Language.SPANISH: "Ningún artículo de aquí responde a esta pregunta.",
    Language.FRENCH: "Aucun article ici ne répond à cette question.",
}

# How a prompt names a language.
ENGLISH_NAMES = {
    Language.KOREAN: "Korean",
    Language.ENGLISH: "English",
    Language.JAPANESE: "Japanese",
    Language.CHINESE: "Chinese",
    Language.GERMAN: "German",
    Language.SPANISH: "Spanish",
    Language.FRENCH: "French",
}
