-- What a reporter is told of the PGP state of a mail, by language: report.mail.signature, or what is wrong
-- with the key that came along (report.mail.key_problem).
local native = ...

local states = {
  en = {
    bad = "the signature of your mail does not fit its text",
    ["unknown-key"] = "your mail is signed with a key that we do not have",
    ["expired-key"] = "the key that your mail is signed with has expired",
    ["revoked-key"] = "the key that your mail is signed with was revoked",
    expired = "the signature of your mail has expired",
    error = "the signature of your mail cannot be read",
    ["key-expired"] = "the key that you sent has expired, so this answer is not encrypted",
    ["key-revoked"] = "the key that you sent was revoked, so this answer is not encrypted",
  },
  de = {
    bad = "die Unterschrift Ihrer E-Mail passt nicht zu ihrem Text",
    ["unknown-key"] = "Ihre E-Mail ist mit einem Schlüssel unterschrieben, den wir nicht haben",
    ["expired-key"] = "der Schlüssel, mit dem Ihre E-Mail unterschrieben ist, ist abgelaufen",
    ["revoked-key"] = "der Schlüssel, mit dem Ihre E-Mail unterschrieben ist, wurde widerrufen",
    expired = "die Unterschrift Ihrer E-Mail ist abgelaufen",
    error = "die Unterschrift Ihrer E-Mail ist nicht lesbar",
    ["key-expired"] = "Ihr Schlüssel ist abgelaufen, darum ist diese Antwort nicht verschlüsselt",
    ["key-revoked"] = "Ihr Schlüssel wurde widerrufen, darum ist diese Antwort nicht verschlüsselt",
  },
  zh = {
    bad = "您邮件的签名与内容不符",
    ["unknown-key"] = "您的邮件用我们没有的密钥签名",
    ["expired-key"] = "签署您邮件的密钥已过期",
    ["revoked-key"] = "签署您邮件的密钥已被吊销",
    expired = "您邮件的签名已过期",
    error = "无法读取您邮件的签名",
    ["key-expired"] = "您发送的密钥已过期，因此本回复未加密",
    ["key-revoked"] = "您发送的密钥已被吊销，因此本回复未加密",
  },
  ja = {
    bad = "メールの署名が本文と一致しません",
    ["unknown-key"] = "メールは当方が持っていない鍵で署名されています",
    ["expired-key"] = "メールの署名に使われた鍵は有効期限が切れています",
    ["revoked-key"] = "メールの署名に使われた鍵は失効しています",
    expired = "メールの署名は有効期限が切れています",
    error = "メールの署名を読み取れません",
    ["key-expired"] = "お送りいただいた鍵は有効期限が切れているため、この返信は暗号化されていません",
    ["key-revoked"] = "お送りいただいた鍵は失効しているため、この返信は暗号化されていません",
  },
}

-- Nothing when there is nothing to say.
function native.pgp_note(came, language)
  local said = states[language] or states.en
  if came.key_problem then
    return said["key-" .. came.key_problem] or said["key-expired"]
  end
  return said[came.signature]
end
