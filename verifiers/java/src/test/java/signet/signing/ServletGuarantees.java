package signet.signing;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

/** What the filter guarantees in every servlet container. */
public abstract class ServletGuarantees extends FilterGuarantees {
    private static final String FORM = "application/x-www-form-urlencoded";

    private Answered.Request form(String target, String body) {
        return request("POST", target, body).header("Content-Type", FORM);
    }

    @Test
    public void parametersAreThoseThatWereSigned() throws Exception {
        withKeys(port -> {
            assertEquals("200 <orders> =v a=1+3 b=100% c;d=é x=", form("/form?a=1&b=100%&c;d=%C3%A9&&=v&x", "a=3").sendTo(port).toString());
            assertEquals("200 <orders> a=1", request("POST", "/form?a=1", "a=3").sendTo(port).toString());
            assertEquals("200 <orders> a=3é", request("POST", "/reader", "a=3é").header("Content-Type", "application/json").sendTo(port).toString());
        });
    }

    @Test
    public void aBodyThatWasReadBeforeIsNotAnEmptyOne() throws Exception {
        withKeys(port -> {
            for (String before : new String[] {"stream", "part", "reader"}) {
                assertEquals(before, "malformed", request("POST", "/stream", "a=1").header("Before", before).sendTo(port).code());
            }
            assertEquals("malformed", form("/form", "a=1").header("Before", "parameter").sendTo(port).code());
            // The signature is that of an empty body.
            for (String before : new String[] {"stream", "parameter"}) {
                Answered.Request unread = new Answered.Request("POST", "/form", "a=1");
                signer.sign("POST", "/form", "backend.internal", new byte[0]).forEach(unread::header);
                assertEquals(before, "malformed", unread.header("Content-Type", FORM).header("Before", before).chunked().sendTo(port).code());
            }
            assertEquals("200 <orders> ", request("POST", "/stream", "").chunked().sendTo(port).toString());
        });
    }

    @Test
    public void aWrapperThatGivesTheBodyAgainMayReadItBefore() throws Exception {
        withKeys(port -> {
            assertEquals("200 <orders> a=1", request("POST", "/stream", "a=1").header("Before", "cached").sendTo(port).toString());
            assertEquals("200 <orders> a=1", request("POST", "/stream", "a=1").header("Before", "cached").chunked().sendTo(port).toString());
        });
    }

    @Test
    public void aDispatchOfAVerifiedRequestHasItsBody() throws Exception {
        withKeys(port -> {
            assertEquals("200 <orders> a=1", request("POST", "/forward", "a=1").sendTo(port).toString());
            assertEquals("200 <orders> a=1", request("POST", "/async", "a=1").sendTo(port).toString());
        });
    }
}
