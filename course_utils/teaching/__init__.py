"""How a lesson asks and answers: exercises, predictions, interview questions and what was done."""
