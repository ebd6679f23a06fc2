"""Questions that the site's papers answer, or don't, and papers that they lead to."""

from __future__ import annotations

KOREAN = "검색 증강 생성은 문서를 어떻게 찾나?"
ENGLISH = "How does retrieval-augmented generation find documents?"
FOREIGN = "김치찌개를 끓일 때 돼지고기를 먼저 볶아야 하나요?"
LORA = "LoRA는 어떤 행렬을 학습하나?"
HOSTILE = "그래프 색칠 양자 어닐링"
BOLTS = "볼트 수를 줄이는 다리 트러스"

RAG_PAPER = "2005.11401"
LORA_PAPER = "2106.09685"
HOSTILE_PAPER = "2503.09901"
SCRIPT_PAPER = "javascript-window.hacked=4"
SOIL_PAPER = "example.org/papers/soil-x=1-y=-2"
BOLTS_PAPER = "2503.09902"
